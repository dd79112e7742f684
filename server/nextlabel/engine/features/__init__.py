"""Features: embeddings by a backbone or another project's model, computed once per content and stored."""
