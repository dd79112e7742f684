"""Strong augmentation: random operations on a batch of images, chosen by RandAugment or by CTAugment."""
