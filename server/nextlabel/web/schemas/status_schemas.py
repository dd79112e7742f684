"""Responses of the status route and of the health checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from nextlabel.engine.records import JobState
from nextlabel.web.schemas.base import Metrics, Reply


class TrainingReply(Reply):
    """The training that is running or queued."""

    job: int
    state: JobState
    progress: float = Field(ge=0, le=1)


class StatusReply(Reply):
    """The state of a project between two trainings."""

    project: str
    items: int
    labelled: int = Field(description="items whose candidate set is one class, or that have a value")
    open: int = Field(description="items outside the hold-out that are not labelled")
    labels: int = Field(description="labels given by annotators so far, including retractions and skips")
    unseen: int = Field(description="labels that the live checkpoint was not trained on")
    train_every: int = Field(description="labels between two trainings; 0: trainings start only on request")
    until_training: int | None = Field(
        description="labels until the next training; null if trainings start only on request"
    )
    training: TrainingReply | None
    checkpoint: str | None = Field(description="the live checkpoint")
    metrics: Metrics = Field(description="metrics of the live checkpoint")
    stop: Mapping[str, float] = Field(description="the goals of the project file")
    reached: bool = Field(description="whether the live checkpoint has reached one of the goals")


class ReadyReply(Reply):
    """The project can predict."""

    ready: Literal[True]
    project: str


class AliveReply(Reply):
    """The process responds."""

    alive: Literal[True]
