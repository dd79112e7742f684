"""What is asked of the server, not of a project: what it is, whether it lives, how it fares."""

from __future__ import annotations

from flask import Response, current_app
from pydantic_core import to_json

from nextlabel.web.metrics import scrape
from nextlabel.web.openapi import OPEN, Application, Routes
from nextlabel.web.openapi_responses import plain
from nextlabel.web.request_context import engine
from nextlabel.web.schemas.job_responses import AliveReply
from nextlabel.web.schemas.response_base import render


def info() -> Response:
    """Tell what this server is: projects, classes, plugins with versions and parameters, limits."""
    return _json(engine().info())


def healthz() -> Response:
    """Tell that the process answers."""
    return render(AliveReply(alive=True))


def metrics() -> Response:
    """Tell how the server fares, for Prometheus."""
    body, kind = scrape(engine())
    return Response(body, content_type=kind)


def document() -> Response:
    """Return this document."""
    app: Application = current_app  # type: ignore[assignment]
    return _json(app.api_doc)


def add(api: Routes) -> None:
    """Add the routes."""
    anything = plain("What this server is", "application/json")
    api.get("/info", responses=api.says({200: anything}))(info)
    api.get("/healthz", responses=api.says({200: api.json(AliveReply)}), openapi_extensions={OPEN: True})(healthz)
    api.get("/metrics", responses=api.says({200: plain("Prometheus' text format", "text/plain")}))(metrics)
    api.get("/openapi.json", responses=api.says({200: plain("OpenAPI 3.1", "application/json")}))(document)


def _json(value: object) -> Response:
    return Response(to_json(value, inf_nan_mode="null"), content_type="application/json")
