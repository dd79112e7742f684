"""Response headers that every response has."""

from __future__ import annotations

from flask import Flask, Response, request

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content security policy of every page."""
DATA_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
"""Content security policy of everything else, so that no browser treats it as a page, above all uploaded images."""


def register(app: Flask) -> None:
    """Add the headers to every response of `app`, errors included, unless the view set them itself."""
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    is_page = response.mimetype == "text/html"
    headers = response.headers
    headers.setdefault("Content-Security-Policy", PAGE_POLICY if is_page else DATA_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    # not no-referrer: browsers would then send `Origin: null` with our own forms
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if request.endpoint != "static":  # static files set it themselves, with an ETag
        headers.setdefault("Cache-Control", "no-store")
    return response
