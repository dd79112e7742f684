"""The label state of a pool: its label history, in order, resolved into arrays.

An annotator's current label of an item is their last one, unless they retracted it. The current
labels of all annotators are resolved as `resolution` describes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from copy import copy
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from nextlabel.contracts.data import BoolArray, FloatArray, IntArray, Targets
from nextlabel.contracts.errors import NotFound, Unprocessable
from nextlabel.engine.labels.resolution import intersection, resolve_sets, resolve_values
from nextlabel.store.labels import DATASET, Label, StoredLabel

A = TypeVar("A", bound=np.ndarray[Any, Any])
Int32Array: TypeAlias = NDArray[np.int32]
_ARRAYS = ("_set_numbers", "_values", "_label_counts", "_skipped", "_is_open", "_in_conflict")
"""The arrays of a label state with one entry per item."""


class LabelState:
    """The resolved labels of n items with C `classes` (none for regression).

    `apply` updates it at a cost proportional to the new labels. Not thread-safe. The arrays are
    read-only views that later calls change; `targets` and `candidates` return a copy. A million items
    take 12 MB, whatever the number of classes.
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
        self._shared: set[str] = set()
        """Annotators whose dict in `_current` is also a snapshot's."""
        # few of the resolved sets are distinct, so each item has the number of its set in a table; 0 is every class
        self._numbers: dict[int, int] = {(1 << len(classes)) - 1: 0}
        """Numbers of the sets in the table, by their bits."""
        self._table: BoolArray = np.ones((1, len(classes)), np.bool_)
        """(s, C): the distinct resolved sets, with spare rows at the end. A row that is in use never changes."""
        self._single: IntArray = np.full(1, 0 if len(classes) == 1 else -1)
        """(s,): the class of each set in the table if it is the only one, else -1."""
        # an array that is not writeable is also a snapshot's, and is copied before it changes
        self._set_numbers: Int32Array = np.empty(0, np.int32)
        self._values: FloatArray = np.empty(0)
        self._label_counts: Int32Array = np.empty(0, np.int32)
        self._skipped: BoolArray = np.empty(0, np.bool_)
        self._is_open: BoolArray = np.empty(0, np.bool_)
        self._in_conflict: BoolArray = np.empty(0, np.bool_)
        self.grow(size)

    def __len__(self) -> int:
        return len(self._is_open)

    @property
    def candidates(self) -> BoolArray | None:
        """(n, C): the classes each item could be, in a copy; None for regression. `candidate_rows` costs less."""
        return _view(self._table[self._set_numbers]) if self.classes else None

    def candidate_rows(self, positions: IntArray) -> BoolArray:
        """Return the classes that the items at `positions` (k,) could be, as (k, C); C is 0 for regression."""
        return self._table[self._set_numbers[positions]]

    def has_candidate(self, number: int) -> BoolArray:
        """Return (n,) whether each item could be the class `number`."""
        return self._table[:, number][self._set_numbers]

    def single_classes(self, positions: IntArray) -> IntArray:
        """Return the class (k,) of each item at `positions` (k,) that could be only one, -1 for the others."""
        return self._single[self._set_numbers[positions]]

    def candidate_counts(self, mask: BoolArray) -> IntArray:
        """Return (C,) how many of the items in `mask` (n,) could be each class."""
        items_by_set = np.bincount(self._set_numbers[mask])
        return items_by_set @ self._table[: len(items_by_set)]

    @property
    def values(self) -> FloatArray | None:
        """(n,) float64, NaN where unknown; None for classification."""
        return None if self.classes else _view(self._values)

    @property
    def label_counts(self) -> Int32Array:
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
    def is_labelled(self) -> BoolArray:
        """(n,): the current labels rule out a class, or give a value."""
        return self._set_numbers != 0 if self.classes else ~self._is_open

    @property
    def is_partial(self) -> BoolArray:
        """(n,): the resolved set has several classes, but not all. No item of a regression is."""
        return self._is_open & self.is_labelled

    @property
    def in_conflict(self) -> BoolArray:
        """(n,): the current sets share no class, so the resolved set is their union."""
        return _view(self._in_conflict)

    def targets(self) -> Targets:
        """Return a copy of the current targets."""
        if self.classes:
            return Targets(candidates=self._table[self._set_numbers])
        return Targets(values=self._values.copy())

    def snapshot(self) -> LabelState:
        """Return the state as it is now; later calls to this one do not change it. Do not update it.

        Nothing is copied until this state changes.
        """
        for name in _ARRAYS:
            getattr(self, name).flags.writeable = False
        self._shared = set(self._current)
        frozen = copy(self)
        self._current = dict(self._current)
        return frozen

    def positions_labelled_by(self, annotator: str) -> AbstractSet[int]:
        """Return the positions that `annotator` labelled or skipped and did not retract, in a view that may change."""
        return self._current.get(annotator, {}).keys()

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
        if not more:
            return
        self._set_numbers = np.concatenate([self._set_numbers, np.zeros(more, np.int32)])
        if not self.classes:
            self._values = np.concatenate([self._values, np.full(more, np.nan)])
        self._label_counts = np.concatenate([self._label_counts, np.zeros(more, np.int32)])
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
            labels = self._labels_to_change(stored.event.annotator)
            if stored.event.label.retract:
                labels.pop(stored.position, None)
            else:
                labels[stored.position] = stored.event.label
            changed.add(stored.position)
        if new:
            self._resolve(changed)
            self.last = new[-1].id
            self.by_annotators += sum(stored.event.annotator != DATASET for stored in new)

    def _labels_to_change(self, annotator: str) -> dict[int, Label]:
        """Return the annotator's current labels by position, in a dict that no snapshot shares."""
        if annotator in self._shared:
            self._current[annotator] = dict(self._current[annotator])
            self._shared.remove(annotator)
        return self._current.setdefault(annotator, {})

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
        self._set("_label_counts", positions, [counts.get(position, 0) for position in changed])
        self._set("_skipped", positions, [position in skipped and position not in counts for position in changed])
        if self.classes:
            sets = [resolve_sets(current[p]) if p in current else -1 for p in changed]
            numbers = self._numbers_of(sets)
            self._set("_set_numbers", positions, numbers)
            self._set("_is_open", positions, self._single[numbers] < 0)
            in_conflict = [len(current.get(p, ())) > 1 and not intersection(current[p]) for p in changed]
            self._set("_in_conflict", positions, in_conflict)
        else:
            means = [resolve_values(current[p]) if p in current else math.nan for p in changed]
            self._set("_values", positions, means)
            self._set("_is_open", positions, np.isnan(means))

    def _set(self, name: str, positions: IntArray, values: Any) -> None:
        """Set an array's `values` (k,) at `positions` (k,). If a snapshot has it, change a copy, or nothing."""
        array = getattr(self, name)
        if not array.flags.writeable:
            if np.array_equal(array[positions], values):
                return
            setattr(self, name, array := array.copy())
        array[positions] = values

    def _numbers_of(self, sets: list[int]) -> IntArray:
        """Return the numbers (k,) of k sets of bits in the table, with new rows for new sets; -1 is every class."""
        every = (1 << len(self.classes)) - 1
        sets = [bits & every for bits in sets]
        if new := list(dict.fromkeys(bits for bits in sets if bits not in self._numbers)):
            used, needed = len(self._numbers), len(self._numbers) + len(new)
            if needed > len(self._table):
                spare = max(needed, 2 * used) - used
                self._table = np.concatenate([self._table[:used], np.empty((spare, len(self.classes)), np.bool_)])
                self._single = np.concatenate([self._single[:used], np.empty(spare, np.int64)])
            rows = self._table[used:needed] = self._unpack(new)
            self._single[used:needed] = np.where(rows.sum(axis=1) == 1, rows.argmax(axis=1), -1)
            self._numbers.update(zip(new, range(used, needed), strict=True))
        return np.array([self._numbers[bits] for bits in sets])

    def _unpack(self, sets: list[int]) -> BoolArray:
        """Return k sets of bits as (k, C) rows."""
        width = len(self.classes)
        row_bytes = (width + 7) // 8
        packed = b"".join(bits.to_bytes(row_bytes, "little") for bits in sets)
        table = np.frombuffer(packed, np.uint8).reshape(len(sets), row_bytes)
        return np.unpackbits(table, axis=1, count=width, bitorder="little").view(np.bool_)


def _view(array: A) -> A:
    view = array.view()
    view.flags.writeable = False
    return view
