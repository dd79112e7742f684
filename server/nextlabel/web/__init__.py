"""What is heard and said over HTTP: parse, one call of the engine, render."""
