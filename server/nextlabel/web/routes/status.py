"""GET /status: where a project stands, in one small answer that can be asked for often."""

from __future__ import annotations

from flask import Response

from nextlabel.web.openapi import Routes
from nextlabel.web.request_context import current_project
from nextlabel.web.schemas.response_base import render
from nextlabel.web.schemas.status_responses import StatusReply


def status() -> Response:
    """Tell where a project stands: its labels, its live checkpoint, its next training, its goal."""
    now = current_project().status()
    return render(StatusReply.model_validate({**vars(now), "project": now.name, "checkpoint": now.live}))


def add(api: Routes) -> None:
    """Add the route."""
    api.get("/status", responses=api.says({200: api.json(StatusReply)}, 404))(status)
