"""What a request may say. The limits stand in the document."""
