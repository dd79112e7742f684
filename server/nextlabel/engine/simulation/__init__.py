"""The loop played with known labels, and its learning curves."""
