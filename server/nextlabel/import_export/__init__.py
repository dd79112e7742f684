"""Reads and writes labels, images and models in the file formats of other tools."""
