"""Committees: several learners whose models predict together."""
