"""The live model and its predictions."""
