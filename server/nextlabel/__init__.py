"""A server for human-in-the-loop image classification."""
