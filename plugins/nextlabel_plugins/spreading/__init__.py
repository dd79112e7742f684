"""Label spreading over a graph of similar items."""
