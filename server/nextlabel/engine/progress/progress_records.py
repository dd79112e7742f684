"""Frozen records for the progress page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nextlabel.contracts.data import IntArray
from nextlabel.engine.records import Suggestion
from nextlabel.store.labels import Label
from nextlabel.store.statistics import AnnotatorTally

CurveState = Literal["live", "earlier", "waits", "rolled back"]
"""`earlier`: it was live, or could have been, before the live one. `waits`: it did not go live after its training.
`rolled back`: it went live after its training, and an older one was promoted since."""


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval of a share; both ends are in 0..1."""

    low: float
    high: float


@dataclass(frozen=True)
class Point:
    """A checkpoint on the learning curve."""

    checkpoint: str
    number: int
    state: CurveState
    labels: int | None
    """Labelled items it was trained on; None if that was not recorded."""
    accuracy: float | None
    interval: Interval | None
    """Confidence interval of the accuracy; None if the size of the hold-out was not recorded."""
    rmse: float | None
    holdout: int | None
    """Held-out items it was measured on."""
    verdict: str
    created: float
    job: int | None
    start: str | None
    """The checkpoint passed to the learner as a start; the learner may have ignored it."""
    has_files: bool
    """Whether its files still exist."""
    test_accuracy: float | None = None
    """Accuracy on the data set's own test split, if it has one."""
    test_rmse: float | None = None
    unlabelled_accuracy: float | None = None
    """Accuracy on the items that nobody had labelled, if there is neither a hold-out nor a test split."""
    unlabelled_rmse: float | None = None


@dataclass(frozen=True)
class ClassTally:
    """How often a class was named, counted in items."""

    name: str
    full: int
    """Items whose label is this class alone."""
    named: int
    """Items that could be this class, by a candidate set of fewer than all classes; the full ones included."""


@dataclass(frozen=True)
class LabelCounts:
    """Counts of the labels by annotators and by the data set."""

    classes: tuple[ClassTally, ...]
    annotators: tuple[AnnotatorTally, ...]
    last_hour: int
    """Full and partial labels by annotators in the last hour."""
    unseen: int
    """Labels by annotators that the live checkpoint was not trained on."""


@dataclass(frozen=True)
class ClassRates:
    """Counts and rates of one class on the hold-out; a rate is None if its denominator is 0."""

    name: str
    items: int
    """Held-out items of this class."""
    predicted: int
    """Held-out items predicted as this class."""
    right: int
    recall: float | None
    precision: float | None


@dataclass(frozen=True)
class ClassPair:
    """A class that is predicted as another."""

    true: str
    predicted: str
    count: int
    share: float
    """Share of the items of class `true`."""


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix of the live checkpoint on the hold-out."""

    checkpoint: str
    classes: tuple[str, ...]
    counts: IntArray
    """(C, C): rows are the true class, columns the predicted one."""
    rates: tuple[ClassRates, ...]
    worst: tuple[ClassPair, ...]
    """Every pair of different classes that occurs, most frequent first."""
    shown: tuple[int, ...]
    """Indices of the classes in the table: all, or those with the most mistakes if there are very many."""
    unscored: int
    """Held-out items of a known class that are not scored yet, or can no longer be read."""

    @property
    def items(self) -> int:
        """Number of held-out items counted."""
        return int(self.counts.sum())

    @property
    def right(self) -> int:
        """Number of them predicted as their true class."""
        return int(self.counts.trace())


@dataclass(frozen=True)
class ListedItem:
    """An item in a list of the progress page."""

    id: str
    holdout: bool
    current_labels: Mapping[str, Label]
    """Each annotator's current label, by name."""
    truth: str | None
    """Its class, if the data set or a full label gives it."""
    prediction: Suggestion | None
    """The live checkpoint's prediction."""
    truth_probability: float | None
    """The probability that the live checkpoint gives to `truth`."""


@dataclass(frozen=True)
class Listing:
    """A page of items."""

    items: tuple[ListedItem, ...]
    total: int
    """Number of items on all pages."""
    page: int
    """Counted from 1."""
    pages: int
    checkpoint: str | None = None
    """The live checkpoint."""


@dataclass(frozen=True)
class Arm:
    """The live checkpoint's accuracy on items that were queried for one reason and then labelled."""

    items: int
    right: int
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class Control:
    """The live checkpoint's accuracy on queried items before it could be trained on their labels."""

    checkpoint: str
    arms: Mapping[str, Arm]
    """Arms by reason, `control` and `strategy`; an arm without labels is left out."""
