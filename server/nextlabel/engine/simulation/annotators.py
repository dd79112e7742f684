"""Annotators played by a data set's truth: one who is always right, and four who confuse look-alikes.

Each class belongs to at most one group of look-alikes. An item whose class is in a group is in
doubt with probability `rate`; what an annotator then says is what tells the kinds apart. The doubt,
and the guess, follow from the seed and the item's id alone: every kind meets the very same doubts,
in whatever order it is asked, and what is in doubt at one rate is so at every higher one.

A set said in doubt is the whole group. It says nothing of which of its classes is the true one,
because every class of the group meets it at the same rate.
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
    EXACT: "always names the class",
    "forced": "in doubt names one class of the group, each as likely",
    "habit": "in doubt names the same class of the group every time, drawn by the seed",
    "skips": "in doubt skips",
    "sets": "in doubt names the whole group",
}
Group = tuple[str, ...]
Said = Literal["full", "partial", "blank", "wrong"]

SIDE = 32
"""Of the images whose means are compared, where they differ in size."""
_BATCH = 1024


@dataclass(frozen=True)
class Annotator:
    """One of `KINDS`, with the doubts of one seed."""

    kind: str = EXACT
    seed: int = 0
    rate: float = 0.0
    groups: tuple[Group, ...] = ()
    _group: Mapping[str, Group] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise NotFound.name("annotator", self.kind, KINDS)
        object.__setattr__(self, "_group", {name: group for group in self.groups for name in group})

    def in_doubt(self, identity: str, truth: str) -> bool:
        """Return whether the item `identity` of class `truth` could be any of its group to this annotator."""
        return truth in self._group and share_hash(self.seed, "doubt", identity) < self.rate

    def answer(self, identity: str, truth: str) -> Label:
        """Return what this annotator says of an item of class `truth`; the same however often it is asked."""
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


def what_was_said(label: Label, truth: str, classes: Sequence[str]) -> Said:
    """Return what an answer is worth: "blank" names no class or every one, "wrong" leaves the truth out."""
    if label.candidates is None or len(label.candidates) == len(classes):
        return "blank"
    if truth not in label.candidates:
        return "wrong"
    return "full" if len(label.candidates) == 1 else "partial"


def checked_groups(groups: Sequence[Sequence[str]], classes: Sequence[str]) -> tuple[Group, ...]:
    """Return the groups, each in the order of `classes`, so that the order betrays nothing.

    NotFound: one names a class there is not. ProjectError: one has fewer than two classes, or a
    class stands twice.
    """
    order = {name: place for place, name in enumerate(classes)}
    for name in (name for group in groups for name in group if name not in order):
        raise NotFound.name("class", name, classes)
    named = [name for group in groups for name in group]
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise ProjectError(f"look-alikes: class {twice!r} stands twice; a class belongs to one group")
    if single := [group for group in groups if len(group) < 2]:  # noqa: PLR2004 - a class is not its own look-alike
        raise ProjectError(f"look-alikes: a group needs two classes or more, not {single[0]}")
    return tuple(tuple(sorted(group, key=order.__getitem__)) for group in groups)


def nearest_pairs(items: Items, positions: IntArray, truth: IntArray, classes: Sequence[str]) -> tuple[Group, ...]:
    """Return pairs of look-alike classes: the two whose mean items are nearest, then the next two, and so on.

    Means are of the items at `positions` (k,), whose class numbers are `truth` (k,), and distances
    are Euclidean in the items' own values (pixels, features). A class with no item there, and the
    one left over by an odd number, has no look-alike. Nearest first.
    """
    means = {number: _mean(items, positions[truth == number]) for number in np.unique(truth)}
    apart = sorted(
        (float(((means[one] - means[other]) ** 2).sum()), int(one), int(other))
        for one in means
        for other in means
        if one < other
    )
    taken: set[int] = set()
    pairs = []
    for _, one, other in apart:
        if not taken & {one, other}:
            taken |= {one, other}
            pairs.append((classes[one], classes[other]))
    return tuple(pairs)


def _mean(items: Items, positions: IntArray) -> FloatArray:
    """Return the mean of some items as one long row."""
    total: FloatArray = np.zeros(1)
    for start in range(0, len(positions), _BATCH):
        total = total + _values(items, positions[start : start + _BATCH]).sum(axis=0, dtype=np.float64)
    return total / len(positions)


def _values(items: Items, positions: IntArray) -> FloatArray:
    """Return (k, values) of k items."""
    if isinstance(items, GraphItems):
        return items.features[positions]
    if isinstance(items, VectorItems):
        return items.vectors[positions]
    pixels = items.take(positions).pixels(items.size or (SIDE, SIDE), items.channels)
    return pixels.reshape(len(positions), -1).astype(np.float32)
