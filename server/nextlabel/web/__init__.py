"""The HTTP API and the pages: parse the request, call the engine, render the response."""
