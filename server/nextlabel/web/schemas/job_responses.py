"""Jobs, checkpoints, and the server itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nextlabel.engine.records import JobState
from nextlabel.web.schemas.response_base import Metrics, Reply, Time


class JobQueuedReply(Reply):
    """The job that was queued."""

    job: int


class JobReply(Reply):
    """Work in the background."""

    job: int
    project: str
    kind: str
    state: JobState
    progress: float = Field(ge=0, le=1)
    metrics: Metrics
    log: list[str] = Field(description="the last lines it printed")
    error: str | None
    created: Time
    started: Time | None
    finished: Time | None


class JobsReply(Reply):
    """Jobs, the newest first."""

    jobs: list[JobReply]


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


class ReadyReply(Reply):
    """The project can predict."""

    ready: Literal[True]
    project: str


class AliveReply(Reply):
    """The process answers."""

    alive: Literal[True]
