"""Labels: submitting them, resolving them into targets, and the label state of a pool."""
