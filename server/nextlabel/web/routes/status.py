"""GET /status, small enough to be polled often."""

from __future__ import annotations

from flask import Response

from nextlabel.web.request_context import current_project
from nextlabel.web.routing import Route
from nextlabel.web.schemas.base import render
from nextlabel.web.schemas.status_schemas import StatusReply


def status() -> Response:
    """Show the state of a project: its labels, live checkpoint, next training and goal."""
    now = current_project().status()
    return render(StatusReply.model_validate({**vars(now), "project": now.name, "checkpoint": now.live}))


ROUTES = (Route("GET", "/status", status, StatusReply, (404,)),)
