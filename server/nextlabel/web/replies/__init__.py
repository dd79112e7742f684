"""What is answered, as JSON: rendered by the models the document is generated from."""
