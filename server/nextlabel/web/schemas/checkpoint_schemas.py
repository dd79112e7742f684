"""Requests and responses of the checkpoint routes."""

from __future__ import annotations

from pydantic import Field

from nextlabel.web.schemas.base import Metrics, Name, Reply, RequestModel, Time


class CheckpointPath(RequestModel):
    """Path parameters of a checkpoint."""

    checkpoint: Name = Field(description="the checkpoint's name")


class CheckpointReply(Reply):
    """A trained model."""

    checkpoint: str
    project: str
    live: bool
    verdict: str = Field(description="why it went live, or why it waits")
    metrics: Metrics
    created: Time
    job: int | None


class CheckpointsReply(Reply):
    """Every checkpoint, oldest first."""

    project: str
    checkpoints: list[CheckpointReply]
