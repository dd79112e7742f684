"""Predictions of the live model."""
