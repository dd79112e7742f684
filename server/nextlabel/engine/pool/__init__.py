"""The pool: what is in it, what it was imported from, and what its labels resolve to."""
