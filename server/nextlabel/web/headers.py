"""The headers every answer carries."""

from __future__ import annotations

from flask import Flask, Response, request

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Of every page, without exception."""
DATA_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
"""What is no page is never to act as one, an uploaded image least of all."""


def register(app: Flask) -> None:
    """Put them on every answer of `app`, errors included."""
    app.after_request(complete)


def complete(response: Response) -> Response:
    """Add what a view did not set itself."""
    page = response.mimetype == "text/html"
    headers = response.headers
    headers.setdefault("Content-Security-Policy", PAGE_POLICY if page else DATA_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    # not no-referrer: browsers would then send `Origin: null` with our own forms
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if request.endpoint != "static":  # which brings its own, and an ETag
        headers.setdefault("Cache-Control", "no-store")
    return response
