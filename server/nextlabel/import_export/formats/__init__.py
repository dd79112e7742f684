"""The file formats, each with a reader and a writer."""
