"""Training jobs and scoring jobs, and the decision whether a new checkpoint goes live."""
