"""Network architectures, one file each, and the factory that builds them by name."""
