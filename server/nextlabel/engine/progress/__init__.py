"""The progress of a project: its checkpoints, its labels, and where annotators and model disagree."""
