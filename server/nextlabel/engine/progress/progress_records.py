"""What the progress page tells, as frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nextlabel.contracts.data import IntArray
from nextlabel.engine.records import Suggestion
from nextlabel.store.labels import Label
from nextlabel.store.statistics import AnnotatorTally

Standing = Literal["live", "earlier", "waits", "rolled back"]
"""`earlier`: it was live, or could have been, before the live one. `waits`: it never went live by itself.
`rolled back`: it went live by itself, and an older one was put back over it."""


@dataclass(frozen=True)
class Interval:
    """Where the true share lies, 19 times of 20; both ends in 0..1."""

    low: float
    high: float


@dataclass(frozen=True)
class Point:
    """A checkpoint on the learning curve."""

    checkpoint: str
    number: int
    standing: Standing
    labels: int | None
    """Labelled items it learnt from; None: it does not say."""
    accuracy: float | None
    interval: Interval | None
    """Of the accuracy; None where it is not known of how many items that is."""
    rmse: float | None
    holdout: int | None
    """Held-out items it was measured on."""
    verdict: str
    created: float
    job: int | None
    start: str | None
    """The checkpoint its training was given to start from; a learner may have ignored it."""
    kept: bool
    """Whether its files are still there."""


@dataclass(frozen=True)
class ClassTally:
    """How often a class was named, in items."""

    name: str
    full: int
    """Items that are this class."""
    named: int
    """Items that could be this class, by a set of some classes but not all; the full ones among them."""


@dataclass(frozen=True)
class Labels:
    """What people and the data set have said so far."""

    classes: tuple[ClassTally, ...]
    annotators: tuple[AnnotatorTally, ...]
    last_hour: int
    """Full and partial labels of people."""
    unseen: int
    """Labels of people that the live checkpoint has not learnt from."""


@dataclass(frozen=True)
class Rates:
    """Of one class, on the hold-out; None where there is nothing to divide by."""

    name: str
    items: int
    """Held-out items of this class."""
    predicted: int
    """Held-out items taken for it."""
    right: int
    recall: float | None
    precision: float | None


@dataclass(frozen=True)
class Pair:
    """A class taken for another."""

    true: str
    predicted: str
    count: int
    share: float
    """Of the items that are `true`."""


@dataclass(frozen=True)
class Confusion:
    """The live checkpoint on the hold-out, class by class."""

    checkpoint: str
    classes: tuple[str, ...]
    counts: IntArray
    """(C, C): rows are the true class, columns the predicted."""
    rates: tuple[Rates, ...]
    worst: tuple[Pair, ...]
    """Every pair of different classes that occurs, most frequent first."""
    shown: tuple[int, ...]
    """Places of the classes to show a table of: all, or, of very many, those with the most mistakes."""
    unscored: int
    """Held-out items of a known class that it has not scored yet, or that can no longer be read."""

    @property
    def items(self) -> int:
        """Held-out items that are counted."""
        return int(self.counts.sum())

    @property
    def right(self) -> int:
        """How many of them it is right about."""
        return int(self.counts.trace())


@dataclass(frozen=True)
class Shown:
    """An item to look at."""

    id: str
    holdout: bool
    current_labels: Mapping[str, Label]
    """Each annotator's current label, by name."""
    truth: str | None
    """Its class, if that is known for sure or by a full label."""
    guess: Suggestion | None
    """By the live checkpoint."""
    given: float | None
    """The probability that the live checkpoint gives to `truth`."""


@dataclass(frozen=True)
class Listing:
    """A page of items to look at."""

    items: tuple[Shown, ...]
    total: int
    """On all pages."""
    page: int
    """From 1."""
    pages: int
    checkpoint: str | None = None
    """The live one, where it has a part in this."""


@dataclass(frozen=True)
class Arm:
    """How often the live checkpoint was right about what people then said, of items asked for one reason."""

    items: int
    right: int
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class Control:
    """What the live checkpoint knew of the items it had people asked of, before it could learn from the answers."""

    checkpoint: str
    arms: Mapping[str, Arm]
    """By the reason, `control` and `strategy`; one without an answer is not in it."""
