"""The label state of a pool: its label history, in order, resolved into arrays.

An annotator's current label of an item is their last one, unless they retracted it. The current
labels of all annotators are resolved as `resolution` describes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

import numpy as np

from nextlabel.contracts.data import BoolArray, FloatArray, IntArray, Targets
from nextlabel.contracts.errors import NotFound, Unprocessable
from nextlabel.engine.labels.resolution import intersection, resolve_sets, resolve_values
from nextlabel.store.labels import DATASET, Label, StoredLabel

A = TypeVar("A", bound=np.ndarray[Any, Any])


class LabelState:
    """The resolved labels of n items with C `classes` (none for regression).

    `apply` updates it at a cost proportional to the new labels. Not thread-safe. The arrays are
    read-only views that later calls change; `targets` returns a copy.
    """

    def __init__(self, classes: tuple[str, ...], size: int) -> None:
        self.classes = classes
        self.last = 0
        """Id of the newest label applied."""
        self.by_annotators = 0
        """Number of labels applied that are not the data set's own, skips and retractions included."""
        self._bits = {name: 1 << number for number, name in enumerate(classes)}
        self._sets: dict[tuple[str, ...], int] = {}
        """The candidate sets applied so far, as the bits of an integer."""
        # by annotator, then by position: a few big dicts are smaller than many small ones
        self._current: dict[str, dict[int, Label]] = {}
        self._candidates: BoolArray = np.empty((0, len(classes)), np.bool_)
        self._values: FloatArray = np.empty(0)
        self._label_counts: IntArray = np.empty(0, np.int64)
        self._skipped: BoolArray = np.empty(0, np.bool_)
        self._is_open: BoolArray = np.empty(0, np.bool_)
        self._in_conflict: BoolArray = np.empty(0, np.bool_)
        self.grow(size)

    def __len__(self) -> int:
        return len(self._is_open)

    @property
    def candidates(self) -> BoolArray | None:
        """(n, C): the classes each item could be; None for regression."""
        return _view(self._candidates) if self.classes else None

    @property
    def values(self) -> FloatArray | None:
        """(n,) float64, NaN where unknown; None for classification."""
        return None if self.classes else _view(self._values)

    @property
    def label_counts(self) -> IntArray:
        """(n,): number of annotators whose current label is a set or a value; DATASET is not counted."""
        return _view(self._label_counts)

    @property
    def skipped(self) -> BoolArray:
        """(n,): some annotator's current label is a skip, and `label_counts` is 0."""
        return _view(self._skipped)

    @property
    def is_open(self) -> BoolArray:
        """(n,): the resolved set has more than one class, or the value is unknown."""
        return _view(self._is_open)

    @property
    def in_conflict(self) -> BoolArray:
        """(n,): the current sets share no class, so the resolved set is their union."""
        return _view(self._in_conflict)

    def targets(self) -> Targets:
        """Return a copy of the current targets."""
        if self.classes:
            return Targets(candidates=self._candidates.copy())
        return Targets(values=self._values.copy())

    def positions_labelled_by(self, annotator: str) -> set[int]:
        """Return the positions that `annotator` labelled or skipped and did not retract."""
        return set(self._current.get(annotator, ()))

    def is_known_annotator(self, annotator: str) -> bool:
        """Return whether `annotator` ever submitted a label, even if it was retracted since."""
        return annotator in self._current

    @property
    def annotators(self) -> tuple[str, ...]:
        """The names of all annotators with current labels, sorted."""
        return tuple(sorted(name for name, labels in self._current.items() if labels))

    def current_labels(self, position: int) -> dict[str, Label]:
        """Return the current labels of an item by annotator, sorted by name."""
        current = {name: labels[position] for name, labels in self._current.items() if position in labels}
        return {name: current[name] for name in sorted(current)}

    def grow(self, size: int) -> None:
        """Extend the arrays to `size` items; the new ones are unlabelled. ValueError if there are more already."""
        more = size - len(self)
        if more < 0:
            raise ValueError(f"there are {len(self)} items already, more than {size}")
        if self.classes:
            self._candidates = np.concatenate([self._candidates, np.ones((more, len(self.classes)), np.bool_)])
        else:
            self._values = np.concatenate([self._values, np.full(more, np.nan)])
        self._label_counts = np.concatenate([self._label_counts, np.zeros(more, np.int64)])
        self._skipped = np.concatenate([self._skipped, np.zeros(more, np.bool_)])
        self._is_open = np.concatenate([self._is_open, np.full(more, len(self.classes) != 1)])
        self._in_conflict = np.concatenate([self._in_conflict, np.zeros(more, np.bool_)])

    def apply(self, history: Iterable[StoredLabel]) -> None:
        """Apply labels in the order of their ids; those up to `last` are skipped as known.

        All or nothing. Raises Unprocessable or NotFound if a label does not fit the project, and
        ValueError if the state must `grow` first.
        """
        new = [stored for stored in history if stored.id > self.last]
        for stored in new:
            self._check(stored)
        changed: set[int] = set()
        for stored in new:
            labels = self._current.setdefault(stored.event.annotator, {})
            if stored.event.label.retract:
                labels.pop(stored.position, None)
            else:
                labels[stored.position] = stored.event.label
            changed.add(stored.position)
        if new:
            self._resolve(changed)
            self.last = new[-1].id
            self.by_annotators += sum(stored.event.annotator != DATASET for stored in new)

    def _check(self, stored: StoredLabel) -> None:
        label = stored.event.label
        if not 0 <= stored.position < len(self):
            raise ValueError(f"label {stored.id} is for position {stored.position}, and there are {len(self)} items")
        if (label.candidates is not None and not self.classes) or (label.value is not None and self.classes):
            raise Unprocessable(f"label {stored.id} does not fit the project's task: {stored.event}")
        if label.candidates is not None and label.candidates not in self._sets:
            self._sets[label.candidates] = self._pack(label.candidates)

    def _pack(self, names: tuple[str, ...]) -> int:
        bits = 0
        for name in names:
            if name not in self._bits:
                raise NotFound.name("class", name, self.classes)
            bits |= self._bits[name]
        return bits

    def _resolve(self, changed: Collection[int]) -> None:
        positions = np.fromiter(changed, np.int64, len(changed))
        current: dict[int, list[Any]] = {}
        counts: dict[int, int] = {}
        skipped: set[int] = set()
        for annotator, labels in self._current.items():
            few, many = (changed, labels) if len(changed) < len(labels) else (labels, changed)
            for position in few:
                if position not in many:
                    continue
                label = labels[position]
                if label.skip:
                    skipped.add(position)
                    continue
                content = label.value if label.candidates is None else self._sets[label.candidates]
                current.setdefault(position, []).append(content)
                if annotator != DATASET:
                    counts[position] = counts.get(position, 0) + 1
        self._label_counts[positions] = [counts.get(position, 0) for position in changed]
        self._skipped[positions] = [position in skipped and position not in counts for position in changed]
        if self.classes:
            rows = self._unpack([resolve_sets(current[p]) if p in current else -1 for p in changed])
            self._candidates[positions] = rows
            self._is_open[positions] = rows.sum(axis=1) > 1
            self._in_conflict[positions] = [
                len(current.get(p, ())) > 1 and not intersection(current[p]) for p in changed
            ]
        else:
            means = [resolve_values(current[p]) if p in current else math.nan for p in changed]
            self._values[positions] = means
            self._is_open[positions] = np.isnan(means)

    def _unpack(self, sets: list[int]) -> BoolArray:
        """Return k sets of bits as (k, C) rows; -1 stands for every class."""
        width = len(self.classes)
        row_bytes = (width + 7) // 8
        every = (1 << width) - 1
        packed = b"".join((bits & every).to_bytes(row_bytes, "little") for bits in sets)
        table = np.frombuffer(packed, np.uint8).reshape(len(sets), row_bytes)
        return np.unpackbits(table, axis=1, count=width, bitorder="little").view(np.bool_)


def _view(array: A) -> A:
    view = array.view()
    view.flags.writeable = False
    return view
