"""Frozen records that the engine returns to the web pages, the routes and the commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nextlabel.store.labels import Label, LabelEvent
from nextlabel.store.queries import Reason

ItemState = Literal["open", "labelled", "skipped"]
JobState = Literal["queued", "running", "succeeded", "failed", "cancelled", "interrupted"]


@dataclass(frozen=True)
class Prediction:
    """The prediction for one item: class probabilities, or a mean and a standard deviation."""

    label: str | None = None
    probability: float | None = None
    probabilities: Mapping[str, float] | None = None
    """Probability of each class, most probable first."""
    mean: float | None = None
    std: float | None = None


@dataclass(frozen=True)
class Predictions:
    """Predictions in the order of the request, all by one checkpoint."""

    project: str
    checkpoint: str
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class Suggestion:
    """The model's most probable class for an item to label."""

    label: str
    probability: float


@dataclass(frozen=True)
class QueryItem:
    """One item to label, and why it was chosen."""

    id: str
    score: float
    suggestion: Suggestion | None
    reason: Reason


@dataclass(frozen=True)
class QueryAnswer:
    """The items to label next, and how they were chosen."""

    project: str
    query: str
    strategy: str
    parameters: Mapping[str, Any]
    checkpoint: str | None
    seed: int
    items: tuple[QueryItem, ...]
    remaining: int
    """Items that need a label, those in this answer included. Some may lack the scores that the strategy uses."""
    stale_labels: int
    """Labels that the checkpoint was not trained on."""
    probabilities: str | None
    """Where the class probabilities came from that its strategies used: "checkpoint", "uniform", or the name of the
    backbone whose own classes they are; None if they used none."""
    hint: str | None = None
    """How to fill the pool, if it is empty."""


@dataclass(frozen=True)
class ItemSummary:
    """An item of the pool."""

    id: str
    state: ItemState
    holdout: bool
    media_type: str | None
    """None if it is not an image."""
    candidates: tuple[str, ...] | None
    """The resolved candidate set; None for regression and for an item without a label."""
    value: float | None


@dataclass(frozen=True)
class ItemDetail:
    """An item with each annotator's current label and its whole history."""

    item: ItemSummary
    current_labels: Mapping[str, Label]
    """Each annotator's last label, by name; retracted ones are left out."""
    history: tuple[LabelEvent, ...]
    """Every label of the item, oldest first."""
    prediction: Prediction | None
    """The live checkpoint's prediction, None if it has not scored the item."""
    agreed: bool | None = None
    """Whether the annotators' candidate sets share a class; None without any candidate set.

    If they share one, the resolved set is their intersection, otherwise their union."""


@dataclass(frozen=True)
class ItemPage:
    """A page of the pool, in order. `after` continues it; None at the end."""

    items: tuple[ItemSummary, ...]
    after: str | None


@dataclass(frozen=True)
class Job:
    """A job: an import, a training or a scoring that runs in the background."""

    job: int
    project: str
    kind: str
    state: JobState
    progress: float
    metrics: Mapping[str, float]
    log: tuple[str, ...]
    """The last lines of its log."""
    error: str | None
    created: float
    started: float | None
    finished: float | None


@dataclass(frozen=True)
class Checkpoint:
    """A trained model."""

    checkpoint: str
    project: str
    live: bool
    verdict: str
    """Why it went live, or why it did not."""
    metrics: Mapping[str, float]
    created: float
    job: int | None
