"""Decodes images, in one place for training, scoring and serving."""
