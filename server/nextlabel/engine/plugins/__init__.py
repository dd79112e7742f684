"""Finds, loads and validates plugins and their parameters."""
