"""Checkpoints on disk: written, read, shipped, measured."""
