"""A training, the scores of the pool after it, and whether its checkpoint goes live."""
