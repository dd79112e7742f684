"""Frozen records that the engine returns to the web pages, the routes and the commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nextlabel.store.labels import LabelRow

Reason = Literal["strategy", "control", "holdout"]
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
    """Items that can still be chosen, those in this answer included."""
    stale_labels: int
    """Labels that the checkpoint was not trained on."""


@dataclass(frozen=True)
class LabelInput:
    """One label as somebody sends it; exactly one of the four is set."""

    id: str
    candidates: tuple[str, ...] | None = None
    value: float | None = None
    skip: bool = False
    retract: bool = False


@dataclass(frozen=True)
class HistoryRow:
    """One row of the append-only history; exactly one of the four is set."""

    id: str
    annotator: str
    time: float
    """Seconds since the epoch."""
    key: str | None
    candidates: tuple[str, ...] | None = None
    value: float | None = None
    skip: bool = False
    retract: bool = False


def history_row(row: LabelRow) -> HistoryRow:
    """Return a stored label as a history row."""
    return HistoryRow(
        row.item, row.annotator, row.time, row.key, row.candidates, row.value, row.kind == "skip", row.kind == "retract"
    )


@dataclass(frozen=True)
class Voice:
    """An annotator's standing label of an item: a set, a value, or a skip (both None)."""

    annotator: str
    candidates: tuple[str, ...] | None
    value: float | None


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
    """An item with its current labels, its label history and its prediction."""

    item: ItemSummary
    voices: tuple[Voice, ...]
    history: tuple[HistoryRow, ...]
    prediction: Prediction | None
    """The live checkpoint's prediction, if it has scored the item."""
    agreed: bool | None = None
    """Whether the annotators' candidate sets share a class. If so, the item's set is their intersection, else
    their union. None if there is no candidate set."""


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
