"""Routes of the server as a whole: information, health, metrics, the OpenAPI document."""

from __future__ import annotations

from flask import Response
from pydantic_core import to_json

from nextlabel.web.metrics import scrape
from nextlabel.web.openapi import current_document
from nextlabel.web.request_context import engine
from nextlabel.web.routing import Route, content_response
from nextlabel.web.schemas.base import render
from nextlabel.web.schemas.status_schemas import AliveReply


def info() -> Response:
    """Describe this server: projects, classes, plugins with versions and parameters, limits."""
    return _json(engine().info())


def healthz() -> Response:
    """Check whether the process responds."""
    return render(AliveReply(alive=True))


def metrics() -> Response:
    """Return metrics of the server, for Prometheus."""
    text, content_type = scrape(engine())
    return Response(text, content_type=content_type)


def document() -> Response:
    """Return this document."""
    return _json(current_document())


def _json(value: object) -> Response:
    return Response(to_json(value, inf_nan_mode="null"), content_type="application/json")


ROUTES = (
    Route("GET", "/info", info, content_response("Information about the server", "application/json")),
    Route("GET", "/healthz", healthz, AliveReply),
    Route("GET", "/metrics", metrics, content_response("Prometheus' text format", "text/plain")),
    Route("GET", "/openapi.json", document, content_response("OpenAPI 3.1", "application/json")),
)
