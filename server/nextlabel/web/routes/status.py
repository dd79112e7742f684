"""GET /status, small enough to be polled often, and GET /readyz: whether a project can predict."""

from __future__ import annotations

from flask import Response

from nextlabel.contracts.errors import NotReady
from nextlabel.web.request_context import current_project
from nextlabel.web.routing import Route
from nextlabel.web.schemas.base import render
from nextlabel.web.schemas.status_schemas import ReadyReply, StatusReply


def status() -> Response:
    """Show the state of a project: its labels, live checkpoint, next training and goal."""
    now = current_project().status()
    return render(StatusReply.model_validate({**vars(now), "project": now.name, "checkpoint": now.live}))


def readyz() -> Response:
    """Check whether the project can predict."""
    project = current_project()
    if not project.models.ready():
        missing = project.status().missing
        reason = "" if missing is None else f": {missing}"
        raise NotReady(f"project {project.config.name!r} cannot predict yet{reason}", 5)
    return render(ReadyReply(ready=True, project=project.config.name))


ROUTES = (Route("GET", "/status", status, StatusReply, (404,)), Route("GET", "/readyz", readyz, ReadyReply, (404, 503)))
