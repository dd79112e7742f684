"""Decodes images the same way for training, scoring and serving."""
