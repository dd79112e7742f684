"""Predicts with the live model."""
