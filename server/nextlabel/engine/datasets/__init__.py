"""Turns a data set into a pool: validates it, drops unreadable files, imports it."""
