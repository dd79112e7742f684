"""Errors as application/problem+json (RFC 9457), or as a page if a browser requested a page.

The only module that maps errors to HTTP statuses.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from flask import Flask, Response, has_request_context, make_response, render_template, request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from pydantic_core import to_json
from werkzeug.exceptions import HTTPException

from nextlabel.contracts import errors

MEDIA_TYPE = "application/problem+json"

STATUSES: Mapping[type[errors.NextlabelError], int] = {
    errors.BadRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.TooLarge: 413,
    errors.Unsupported: 415,
    errors.Unprocessable: 422,
    errors.NotReady: 503,
    errors.NextlabelError: 500,
}
"""Status of each error class; a subclass that is not listed has the status of its base class."""

log = logging.getLogger(__name__)


def status_of(error: errors.NextlabelError) -> int:
    """Return the HTTP status of an error."""
    return next(STATUSES[cls] for cls in type(error).__mro__ if cls in STATUSES)


def problem(status: int, detail: str, faults: Sequence[str] = (), headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem document. `faults` lists every error if there may be several."""
    # about:blank means that the title is the status phrase (RFC 9457, 4.2.1)
    body: dict[str, object] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body["detail"] = _printable(detail)
    if faults:
        body["faults"] = [_printable(fault) for fault in faults]
    return Response(to_json(body), status, headers=headers, content_type=MEDIA_TYPE)


def answer_to(error: errors.NextlabelError) -> Response:
    """Return the problem document or error page for an error."""
    status = status_of(error)
    faults: Sequence[str] = ()
    headers: dict[str, str] = {}
    if isinstance(error, errors.Unprocessable):
        faults = error.faults
    elif isinstance(error, errors.NotReady):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, errors.Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="nextlabel"'
    log_fault(error)
    return _respond(status, str(error), faults, headers)


def log_fault(error: errors.NextlabelError) -> None:
    """Log an error if it is the server's fault, with the traceback of an error in a plugin's own code."""
    if status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, errors.NotReady):
        cause = error.__cause__ if isinstance(error, errors.PluginError) else None
        log.error("%s: %s", type(error).__name__, error, exc_info=cause)


def register(app: Flask) -> None:
    """Make `app` respond to every error with a problem document or an error page."""
    app.register_error_handler(errors.NextlabelError, answer_to)
    app.register_error_handler(HTTPException, _respond_to_http_error)
    # gunicorn raises this when a view reads a malformed chunked body
    app.register_error_handler(ParseException, lambda _error: problem(400, "the body is not valid HTTP"))


def _respond_to_http_error(error: HTTPException) -> Response:
    """Convert an error of Flask, with its headers such as Allow. Flask has already logged unexpected errors."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    replaced = {"content-type", "content-length"}
    headers = {name: value for name, value in error.get_headers() if name.lower() not in replaced}
    return _respond(int(status), error.description or "", (), headers)


def _respond(status: int, detail: str, faults: Sequence[str], headers: Mapping[str, str]) -> Response:
    if not _wants_page():
        return problem(status, detail, faults, headers)
    page = render_template("problem.html", title=HTTPStatus(status).phrase, detail=detail, faults=faults)
    return make_response(page, status, {**headers, "Vary": "Accept"})


def _wants_page() -> bool:
    """Return whether a browser requested a page or an unknown URL. The API always responds with JSON."""
    if not has_request_context() or (request.blueprint != "pages" and request.url_rule is not None):
        return False
    return request.accept_mimetypes.best_match([MEDIA_TYPE, "application/json", "text/html"]) == "text/html"


def _printable(text: str) -> str:
    """Escape lone surrogates, which JSON cannot contain: a file name need not be UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
