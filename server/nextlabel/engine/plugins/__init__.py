"""Plugins found and checked, and the project files that name them."""
