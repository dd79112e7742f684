"""Where a project stands."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from nextlabel.engine.records import JobState
from nextlabel.web.schemas.response_base import Metrics, Reply


class TrainingReply(Reply):
    """The training that runs, or waits to."""

    job: int
    state: JobState
    progress: float = Field(ge=0, le=1)


class StatusReply(Reply):
    """Where a project stands between two trainings."""

    project: str
    items: int
    labelled: int = Field(description="items whose set is one class, or that have a value")
    open: int = Field(description="items outside the hold-out that are not")
    labels: int = Field(description="labels given by people so far, retractions and skips among them")
    unseen: int = Field(description="of those, what the live checkpoint has not learnt from")
    train_every: int = Field(description="labels between two trainings; 0: only when asked")
    until_training: int | None = Field(description="labels still missing; null where it trains only when asked")
    training: TrainingReply | None
    checkpoint: str | None = Field(description="the live one")
    metrics: Metrics = Field(description="of the live checkpoint")
    stop: Mapping[str, float] = Field(description="the goals of the project file")
    reached: bool = Field(description="whether the live checkpoint has reached one of them")
