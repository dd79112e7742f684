"""Exports a project."""
