"""The fold: labels, in the order they were said, resolved into arrays.

Of every annotator the last label of an item stands. The item's set is the intersection of
the standing sets if that is not empty, else their union; its value is the mean of the
standing values.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from functools import reduce
from operator import and_, or_
from typing import Any, TypeAlias, TypeVar

import numpy as np

from nextlabel.contracts.data import BoolArray, FloatArray, IntArray, Targets
from nextlabel.contracts.errors import NotFound, Unprocessable
from nextlabel.store.labels import DATASET, LabelRow

__all__ = ["DATASET", "LabelState"]

A = TypeVar("A", bound=np.ndarray[Any, Any])
Word: TypeAlias = int | float | None
"""A standing label: a set as the bits of an integer, a value, or None for a skip."""


class LabelState:
    """What a project's labels amount to: n items, C `classes` (none for regression).

    Kept up to date by `apply`, at the cost of what is new. Not for several threads at once.
    The arrays it gives are read-only views, which later calls change; `targets` copies.
    """

    def __init__(self, classes: tuple[str, ...], size: int) -> None:
        self.classes = classes
        self.last = 0
        """The newest label applied."""
        self._bits = {name: 1 << number for number, name in enumerate(classes)}
        # by annotator, then by position: a few big dicts are smaller than many small ones
        self._said: dict[str, dict[int, Word]] = {}
        self._candidates: BoolArray = np.empty((0, len(classes)), np.bool_)
        self._values: FloatArray = np.empty(0)
        self._answers: IntArray = np.empty(0, np.int64)
        self._skipped: BoolArray = np.empty(0, np.bool_)
        self._opened: BoolArray = np.empty(0, np.bool_)
        self._contested: BoolArray = np.empty(0, np.bool_)
        self.grow(size)

    def __len__(self) -> int:
        return len(self._opened)

    @property
    def candidates(self) -> BoolArray | None:
        """(n, C): the classes each item could be; None for regression."""
        return _view(self._candidates) if self.classes else None

    @property
    def values(self) -> FloatArray | None:
        """(n,) float64, NaN where unknown; None for classification."""
        return None if self.classes else _view(self._values)

    @property
    def answers(self) -> IntArray:
        """(n,): how many people's standing labels are a set or a value; DATASET is not one of them."""
        return _view(self._answers)

    @property
    def skipped(self) -> BoolArray:
        """(n,): somebody's standing label is a skip, and `answers` is 0."""
        return _view(self._skipped)

    @property
    def opened(self) -> BoolArray:
        """(n,): the set has more than one class, or the value is not known."""
        return _view(self._opened)

    @property
    def contested(self) -> BoolArray:
        """(n,): the standing sets have no class in common, so that the set is their union."""
        return _view(self._contested)

    def targets(self) -> Targets:
        """Return the targets as they are now, a copy."""
        if self.classes:
            return Targets(candidates=self._candidates.copy())
        return Targets(values=self._values.copy())

    def spoken(self, annotator: str) -> set[int]:
        """Return the positions that `annotator` answered or skipped, and did not retract."""
        return set(self._said.get(annotator, ()))

    def heard(self, annotator: str) -> bool:
        """Tell whether `annotator` ever said anything, retracted since or not."""
        return annotator in self._said

    @property
    def annotators(self) -> tuple[str, ...]:
        """Who has standing labels, by name."""
        return tuple(sorted(name for name, words in self._said.items() if words))

    def voices(self, position: int) -> dict[str, tuple[str, ...] | float | None]:
        """Return the standing labels of an item by annotator: a set in class order, a value, or None for a skip."""
        return {name: self._read(words[position]) for name, words in self._said.items() if position in words}

    def grow(self, size: int) -> None:
        """Make room for `size` items; the new ones are unlabelled. It never shrinks."""
        more = size - len(self)
        if more < 0:
            raise ValueError(f"there are {len(self)} items already, more than {size}")
        if self.classes:
            self._candidates = np.concatenate([self._candidates, np.ones((more, len(self.classes)), np.bool_)])
        else:
            self._values = np.concatenate([self._values, np.full(more, np.nan)])
        self._answers = np.concatenate([self._answers, np.zeros(more, np.int64)])
        self._skipped = np.concatenate([self._skipped, np.zeros(more, np.bool_)])
        self._opened = np.concatenate([self._opened, np.full(more, len(self.classes) != 1)])
        self._contested = np.concatenate([self._contested, np.zeros(more, np.bool_)])

    def apply(self, rows: Iterable[LabelRow]) -> None:
        """Take in labels, in the order of their ids; those up to `last` are known and passed over.

        All or nothing: Unprocessable or NotFound where one does not fit, ValueError where the
        state must `grow` first.
        """
        memo: dict[tuple[str, ...], int] = {}
        fresh = [(row, self._word(row, memo)) for row in rows if row.id > self.last]
        changed: set[int] = set()
        for row, word in fresh:
            words = self._said.setdefault(row.annotator, {})
            if row.kind == "retract":
                words.pop(row.position, None)
            else:
                words[row.position] = word
            changed.add(row.position)
        if fresh:
            self._resolve(changed)
            self.last = fresh[-1][0].id

    def _word(self, row: LabelRow, memo: dict[tuple[str, ...], int]) -> Word:
        if not 0 <= row.position < len(self):
            raise ValueError(f"label {row.id} is of position {row.position}, and there are {len(self)} items")
        if row.kind == "candidates" and row.candidates and self.classes:
            if row.candidates not in memo:
                memo[row.candidates] = self._set(row.candidates)
            return memo[row.candidates]
        if row.kind == "value" and row.value is not None and not self.classes:
            return float(row.value)
        if row.kind not in {"skip", "retract"}:
            raise Unprocessable(f"label {row.id} is not one that the project's task can have: {row}")
        return None

    def _set(self, names: tuple[str, ...]) -> int:
        bits = 0
        for name in names:
            if name not in self._bits:
                raise NotFound.name("class", name, self.classes)
            bits |= self._bits[name]
        return bits

    def _read(self, word: Word) -> tuple[str, ...] | float | None:
        if isinstance(word, int) and self.classes:
            return tuple(name for name, bit in self._bits.items() if word & bit)
        return word

    def _resolve(self, changed: Collection[int]) -> None:
        positions = np.fromiter(changed, np.int64, len(changed))
        said: dict[int, list[Any]] = {}
        answers: dict[int, int] = {}
        skipped: set[int] = set()
        for annotator, words in self._said.items():
            few, many = (changed, words) if len(changed) < len(words) else (words, changed)
            for position in few:
                if position not in many:
                    continue
                word = words[position]
                if word is None:
                    skipped.add(position)
                    continue
                said.setdefault(position, []).append(word)
                if annotator != DATASET:
                    answers[position] = answers.get(position, 0) + 1
        self._answers[positions] = [answers.get(position, 0) for position in changed]
        self._skipped[positions] = [position in skipped and position not in answers for position in changed]
        if self.classes:
            rows = self._unpack([_agree(said[p]) if p in said else -1 for p in changed])
            self._candidates[positions] = rows
            self._opened[positions] = rows.sum(axis=1) > 1
            self._contested[positions] = [len(said.get(p, ())) > 1 and not _shared(said[p]) for p in changed]
        else:
            means = [_mean(said[p]) if p in said else math.nan for p in changed]
            self._values[positions] = means
            self._opened[positions] = np.isnan(means)

    def _unpack(self, sets: list[int]) -> BoolArray:
        """Return (k, C) rows for k sets of bits; -1 is every class."""
        width = len(self.classes)
        wide = (width + 7) // 8
        every = (1 << width) - 1
        packed = b"".join((bits & every).to_bytes(wide, "little") for bits in sets)
        table = np.frombuffer(packed, np.uint8).reshape(len(sets), wide)
        return np.unpackbits(table, axis=1, count=width, bitorder="little").view(np.bool_)


def _mean(values: list[float]) -> float:
    try:
        return math.fsum(values) / len(values)
    except OverflowError:  # of numbers near the largest there is, whose sum is none
        return math.fsum(value / len(values) for value in values)


def _shared(sets: list[int]) -> int:
    return reduce(and_, sets)


def _agree(sets: list[int]) -> int:
    return _shared(sets) or reduce(or_, sets)


def _view(array: A) -> A:
    view = array.view()
    view.flags.writeable = False
    return view
