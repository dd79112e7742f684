"""Simulated annotators who know the truth of a data set: one is always right, four confuse look-alike classes.

Each class belongs to at most one group of look-alikes. An item whose class is in a group is in
doubt with probability `rate`. The kinds of annotators differ only in how they label items in doubt.
Doubts and guesses depend on the seed and the item's id alone. All kinds therefore have the same
doubts in any order of queries, and an item in doubt at one rate is in doubt at every higher rate.

A candidate set given in doubt is the whole group. It does not reveal the true class, because every
class of the group is in doubt at the same rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from nextlabel.contracts.data import FloatArray, GraphItems, IntArray, Items, VectorItems
from nextlabel.contracts.errors import NotFound, ProjectError
from nextlabel.engine.random_streams import share_hash
from nextlabel.store.labels import Label

EXACT = "exact"
KINDS: Mapping[str, str] = {
    EXACT: "always chooses the true class",
    "forced": "if in doubt, chooses any class of the group with equal probability",
    "habit": "if in doubt, always chooses the same class of the group, drawn by the seed",
    "skips": "if in doubt, skips",
    "sets": "if in doubt, chooses the whole group",
}
"""Each kind of annotator and what it does, for help texts."""
Group = tuple[str, ...]
LabelQuality = Literal["full", "partial", "blank", "wrong"]

MEAN_SIZE = 32
"""Width and height to which images of different sizes are scaled, to compare their means."""
_BATCH = 1024


@dataclass(frozen=True)
class Annotator:
    """An annotator of one of `KINDS`. Raises NotFound for another kind."""

    kind: str = EXACT
    seed: int = 0
    rate: float = 0.0
    """Probability that an item is in doubt if its class has look-alikes."""
    groups: tuple[Group, ...] = ()
    _group: Mapping[str, Group] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise NotFound.name("annotator", self.kind, KINDS)
        object.__setattr__(self, "_group", {name: group for group in self.groups for name in group})

    def in_doubt(self, identity: str, truth: str) -> bool:
        """Return whether this annotator cannot distinguish the class of item `identity` from its look-alikes."""
        return truth in self._group and share_hash(self.seed, "doubt", identity) < self.rate

    def label(self, identity: str, truth: str) -> Label:
        """Return the label for an item whose true class is `truth`. Repeated calls return the same label."""
        if self.kind == EXACT or not self.in_doubt(identity, truth):
            return Label(candidates=(truth,))
        group = self._group[truth]
        if self.kind == "sets":
            return Label(candidates=group)
        if self.kind == "skips":
            return Label(skip=True)
        drawn = (
            share_hash(self.seed, "guess", identity)
            if self.kind == "forced"
            else share_hash(self.seed, "habit", "/".join(group))
        )
        return Label(candidates=(group[int(drawn * len(group))],))


def label_quality(label: Label, truth: str, classes: Sequence[str]) -> LabelQuality:
    """Return how a label relates to the truth.

    "full" is the true class alone, "partial" several classes that include it, "wrong" excludes it,
    and "blank" is a skip or every class.
    """
    if label.candidates is None or len(label.candidates) == len(classes):
        return "blank"
    if truth not in label.candidates:
        return "wrong"
    return "full" if len(label.candidates) == 1 else "partial"


def validate_groups(groups: Sequence[Sequence[str]], classes: Sequence[str]) -> tuple[Group, ...]:
    """Return the groups, each in the order of `classes`, which gives no hint to the true class.

    Raises NotFound for an unknown class, ProjectError if a group has fewer than two classes or if a
    class occurs twice.
    """
    order = {name: position for position, name in enumerate(classes)}
    for name in (name for group in groups for name in group if name not in order):
        raise NotFound.name("class", name, classes)
    named = [name for group in groups for name in group]
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise ProjectError(f"look-alikes: class {twice!r} occurs twice; a class can only be in one group")
    if single := [group for group in groups if len(group) < 2]:  # noqa: PLR2004 - a class is not its own look-alike
        raise ProjectError(f"look-alikes: a group needs two or more classes, not {single[0]}")
    return tuple(tuple(sorted(group, key=order.__getitem__)) for group in groups)


def nearest_pairs(items: Items, positions: IntArray, truth: IntArray, classes: Sequence[str]) -> tuple[Group, ...]:
    """Return pairs of look-alike classes, nearest first.

    The two classes with the nearest means are a pair, then the two nearest of the rest, and so on.
    Means are over the items at `positions` (k,) with class numbers `truth` (k,); distances are
    Euclidean in pixels or features. A class without items there has no look-alike, nor has the last
    class of an odd number.
    """
    means = {number: _mean(items, positions[truth == number]) for number in np.unique(truth)}
    distances = sorted(
        (float(((means[first] - means[second]) ** 2).sum()), int(first), int(second))
        for first in means
        for second in means
        if first < second
    )
    paired: set[int] = set()
    pairs = []
    for _, first, second in distances:
        if not paired & {first, second}:
            paired |= {first, second}
            pairs.append((classes[first], classes[second]))
    return tuple(pairs)


def _mean(items: Items, positions: IntArray) -> FloatArray:
    """Return the mean of some items (values,)."""
    total: FloatArray = np.zeros(1)
    for start in range(0, len(positions), _BATCH):
        total = total + _values(items, positions[start : start + _BATCH]).sum(axis=0, dtype=np.float64)
    return total / len(positions)


def _values(items: Items, positions: IntArray) -> FloatArray:
    """Return the pixels or features of k items (k, values)."""
    if isinstance(items, GraphItems):
        return items.features[positions]
    if isinstance(items, VectorItems):
        return items.vectors[positions]
    pixels = items.take(positions).pixels(items.size or (MEAN_SIZE, MEAN_SIZE), items.channels)
    return pixels.reshape(len(positions), -1).astype(np.float32)
