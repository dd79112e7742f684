"""Training loops with their losses, optimizers and augmentation."""
