"""The checkpoints."""

from __future__ import annotations

from flask import Response

from nextlabel.web.request_context import current_project
from nextlabel.web.routing import Route
from nextlabel.web.schemas.base import render
from nextlabel.web.schemas.checkpoint_schemas import CheckpointPath, CheckpointReply, CheckpointsReply


def checkpoints() -> Response:
    """List a project's checkpoints."""
    project = current_project()
    replies = [CheckpointReply.model_validate(checkpoint) for checkpoint in project.models.checkpoints()]
    return render(CheckpointsReply(project=project.config.name, checkpoints=replies))


def promote(path: CheckpointPath) -> Response:
    """Make a checkpoint the live one.

    An older checkpoint can be made live too.
    """
    return render(CheckpointReply.model_validate(current_project().models.promote(path.checkpoint)))


ROUTES = (
    Route("GET", "/checkpoints", checkpoints, CheckpointsReply, (404,)),
    Route("POST", "/checkpoints/<checkpoint>/promote", promote, CheckpointReply, (404, 410)),
)
