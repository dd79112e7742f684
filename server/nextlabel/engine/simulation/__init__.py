"""Simulated labelling with the true labels of a data set, and its learning curves."""
