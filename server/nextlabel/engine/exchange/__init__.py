"""Labels, pictures and models to and from files: one file a format, the same rules for all."""
