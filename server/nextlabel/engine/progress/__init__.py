"""What is known of how a project goes: its checkpoints, its labels, and where people and model differ."""
