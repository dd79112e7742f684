"""Pictures: decoded in one place, for training, scoring and serving alike."""
