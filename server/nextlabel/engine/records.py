"""What the engine answers: frozen records for the web pages and the terminal to render."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nextlabel.store.labels import Label, LabelEvent

Reason = Literal["strategy", "control", "holdout"]
ItemState = Literal["open", "labelled", "skipped"]
JobState = Literal["queued", "running", "succeeded", "failed", "cancelled", "interrupted"]


@dataclass(frozen=True)
class Prediction:
    """Of one item: a class with every class's probability, or a mean with its deviation."""

    label: str | None = None
    probability: float | None = None
    probabilities: Mapping[str, float] | None = None
    """By class, most probable first."""
    mean: float | None = None
    std: float | None = None


@dataclass(frozen=True)
class Predictions:
    """In the order asked; all by the one checkpoint named."""

    project: str
    checkpoint: str
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class Suggestion:
    """The model's guess for an item somebody is asked to label."""

    label: str
    probability: float


@dataclass(frozen=True)
class QueryItem:
    """One item to label; `reason` says why it is asked."""

    id: str
    score: float
    suggestion: Suggestion | None
    reason: Reason


@dataclass(frozen=True)
class QueryAnswer:
    """What to label next, and where the choice came from."""

    project: str
    query: str
    strategy: str
    parameters: Mapping[str, Any]
    checkpoint: str | None
    seed: int
    items: tuple[QueryItem, ...]
    remaining: int
    """Items that could still be asked, those in this answer included."""
    stale_labels: int
    """Labels that the checkpoint has not learnt from."""


@dataclass(frozen=True)
class ItemSummary:
    """An item of the pool."""

    id: str
    state: ItemState
    holdout: bool
    media_type: str | None
    """None: not an image."""
    candidates: tuple[str, ...] | None
    """The resolved set; None for regression and for an item nobody spoke of."""
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
    """Some of the pool, in order; `after` continues it, None at the end."""

    items: tuple[ItemSummary, ...]
    after: str | None


@dataclass(frozen=True)
class Job:
    """Work done in the background."""

    job: int
    project: str
    kind: str
    state: JobState
    progress: float
    metrics: Mapping[str, float]
    log: tuple[str, ...]
    """The last lines it printed."""
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
    """Why it went live, or why it waits."""
    metrics: Mapping[str, float]
    created: float
    job: int | None


@dataclass(frozen=True)
class ProjectStatus:
    """A project at a glance."""

    name: str
    title: str
    task: str | None
    """None until its data set has been read."""
    classes: tuple[str, ...]
    kind: Literal["image", "vector", "node"] | None
    items: int
    labelled: int
    """Items whose set is one class."""
    open: int
    """Items outside the hold-out whose set is not."""
    live: str | None
    metrics: Mapping[str, float]
    """Of the live checkpoint."""
    stop: Mapping[str, float]
    """The goals of the project file."""
    reached: bool
    """Whether the live checkpoint has reached them."""
    training: int | None
    """The job that trains now, or waits to."""
    missing: str | None
    """Why the project cannot run here, in one line."""


@dataclass(frozen=True)
class TrainingNow:
    """The training that runs, or waits to."""

    job: int
    state: JobState
    progress: float


@dataclass(frozen=True)
class Standing:
    """Where a project stands between two trainings."""

    project: str
    items: int
    labelled: int
    open: int
    labels: int
    """Given by people so far, retractions and skips among them."""
    unseen: int
    """Of those, what the live checkpoint has not learnt from."""
    train_every: int
    """Labels between two trainings; 0: only when asked."""
    until_training: int | None
    """Labels still missing; None where it trains only when asked."""
    training: TrainingNow | None
    checkpoint: str | None
    metrics: Mapping[str, float]
    """Of the live checkpoint."""
    stop: Mapping[str, float]
    """The goals of the project file."""
    reached: bool
