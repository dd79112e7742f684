"""What is asked next, of whom, and what becomes of the answers."""
