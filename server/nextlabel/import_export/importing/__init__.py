"""Imports a file into a project."""
