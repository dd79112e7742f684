"""Runs queued jobs."""
