"""Queries: which items to label next, leased to whom, and how a stored query is replayed."""
