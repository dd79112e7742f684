"""GET /readyz: whether a project can predict."""

from __future__ import annotations

from flask import Response

from nextlabel.contracts.errors import NotReady
from nextlabel.web.openapi import OPEN, Routes
from nextlabel.web.request_context import current_project
from nextlabel.web.schemas.job_responses import ReadyReply
from nextlabel.web.schemas.response_base import render


def readyz() -> Response:
    """Tell whether the project can predict."""
    found = current_project()
    if not found.models.ready():
        missing = found.status().missing
        why = "" if missing is None else f": {missing}"
        raise NotReady(f"project {found.config.name!r} cannot predict yet{why}", 5)
    return render(ReadyReply(ready=True, project=found.config.name))


def add(api: Routes) -> None:
    """Add the route."""
    answers = api.says({200: api.json(ReadyReply)}, 404, 503)
    api.get("/readyz", responses=answers, openapi_extensions={OPEN: True})(readyz)
