"""Pools as strategies see them: arrays are gathered from the scores of all items only when they are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache, cached_property
from typing import Any, TypeVar

import numpy as np

from nextlabel.contracts.data import BoolArray, FloatArray, IntArray, Need, NumberArray, Pool
from nextlabel.contracts.errors import NotReady
from nextlabel.engine.feature_items import OwnClasses, StoredRows
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.prepared import PreparedArrays
from nextlabel.engine.scores import Arrays

_COVERED: tuple[Need, ...] = ("covered_embeddings", "labelled_embeddings")
WITHOUT_MODEL: tuple[Need, ...] = ("probabilities", "std")
"""Arrays that exist before any model: uniform probabilities, and equal deviations."""

A = TypeVar("A", bound=np.ndarray[Any, Any])


def build_pool(
    state: PoolState,
    positions: IntArray,
    needs: Collection[Need],
    scores: Arrays,
    covered: Callable[[], IntArray],
    *,
    first: int = 0,
    prepared: PreparedArrays | None = None,
) -> Pool:
    """Return the items at `positions` (n,) with the arrays in `needs`. `state` must not change while it is used.

    `scores` has the outputs for all items from position `first` on; `covered` returns the positions
    (c,) of the covered items. Raises NotReady if `scores` lacks an array.
    """
    covered = cache(covered)
    arrays = PoolArrays(needs, scores, state, positions, covered, first)
    by_class = bool(state.project.classes)

    def labelled_candidates() -> BoolArray:
        return _sets(state, np.flatnonzero(state.labelled & ~state.holdout))

    def new_embeddings() -> FloatArray:
        then = prepared.covered if prepared is not None and prepared.arrays else ()
        return arrays.rows("covered_embeddings", np.flatnonzero(~np.isin(covered(), then)))

    return Pool(
        len(positions),
        arrays,
        (lambda: _sets(state, positions)) if by_class else None,
        positions=_read_only(positions),
        prepared=None if prepared is None else GatheredRows(prepared.arrays, lambda: positions),
        covered_prepared=None if prepared is None else GatheredRows(prepared.arrays, covered),
        new_embeddings=new_embeddings,
        labelled_candidates=labelled_candidates if by_class else None,
    )


def check_available(needs: Collection[Need], scores: Collection[str]) -> None:
    """Raise NotReady if an array that exists with a model only is not among `scores`, the names of arrays."""
    for need in needs:
        source = "embeddings" if need in _COVERED else need
        if source not in scores and need not in WITHOUT_MODEL:
            raise NotReady(
                f"the strategy needs {need}, and no model has been trained yet; label some items and train", 5
            )


class PoolArrays(Mapping[Need, FloatArray]):
    """The arrays that a strategy declares; probabilities and samples are renormalised over the items' candidates."""

    def __init__(
        self,
        needs: Collection[Need],
        scores: Arrays,
        state: PoolState,
        positions: IntArray,
        covered: Callable[[], IntArray],
        first: int = 0,
    ) -> None:
        check_available(needs, scores)
        self._needs = needs
        self._scores = scores
        self._state = state
        self._positions = positions
        self._covered = covered
        self._first = first
        self._gathered: dict[Need, FloatArray] = {}

    def __getitem__(self, need: Need) -> FloatArray:
        if need not in self._needs:
            raise KeyError(need)
        if need not in self._gathered:
            positions = self._covered() if need in _COVERED else self._positions
            self._gathered[need] = _read_only(self._gather(need, positions))
        return self._gathered[need]

    def rows(self, need: Need, positions: IntArray) -> FloatArray:
        """Return the rows (k, ...) of an array at `positions` (k,) in this pool; samples are (T, k, C)."""
        if need in self._gathered:
            array = self._gathered[need]
            return _read_only(array[:, positions] if need == "samples" else array[positions])
        of_all = self._covered() if need in _COVERED else self._positions
        return _read_only(self._gather(need, of_all[positions]))

    def __contains__(self, need: object) -> bool:
        return need in self._needs

    def __iter__(self) -> Iterator[Need]:
        return iter(self._needs)

    def __len__(self) -> int:
        return len(self._needs)

    def _gather(self, need: Need, positions: IntArray) -> FloatArray:
        if need in _COVERED:
            return _take(self._scores["embeddings"], positions - self._first)
        if need not in self._scores:
            return self._without_model(need, positions)
        array = self._scores[need]
        if need == "samples":
            # filled draw by draw: the array is large, and a second copy of it would double the memory
            samples = np.empty((len(array), len(positions), array.shape[2]), array.dtype)
            for number, draw in enumerate(array):
                samples[number] = self._restricted(_take(draw, positions - self._first), positions)
            return samples
        rows = _take(array, positions - self._first)
        of_project = need == "probabilities" and not isinstance(array, OwnClasses)
        return self._restricted(rows, positions) if of_project else rows

    def _restricted(self, rows: FloatArray, positions: IntArray) -> FloatArray:
        """Return the probabilities (k, C) of the items at `positions`, changed to sum to one over their candidates."""
        partial = np.flatnonzero(self._labelled[positions])
        if len(partial):
            rows[partial] = restrict_to_candidates(rows[partial], _sets(self._state, positions[partial]))
        return rows

    def _without_model(self, need: Need, positions: IntArray) -> FloatArray:
        if need == "std":
            return np.ones(len(positions), np.float32)
        classes = len(self._state.project.classes)
        even = np.full((len(positions), classes), 1 / classes, np.float32)
        partial = np.flatnonzero(self._labelled[positions])
        sets = _sets(self._state, positions[partial])
        even[partial] = sets / sets.sum(axis=1, keepdims=True)
        return even

    @cached_property
    def _labelled(self) -> BoolArray:
        return self._state.labelled


class GatheredRows(Mapping[str, NumberArray]):
    """The rows at `positions()` (k,) of arrays on disk; each array is gathered when it is first read."""

    def __init__(self, arrays: Mapping[str, NumberArray], positions: Callable[[], IntArray]) -> None:
        self._arrays = arrays
        self._positions = positions
        self._gathered: dict[str, NumberArray] = {}

    def __getitem__(self, name: str) -> NumberArray:
        if name not in self._gathered:
            self._gathered[name] = _read_only(np.take(np.asarray(self._arrays[name]), self._positions(), axis=0))
        return self._gathered[name]

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def restrict_to_candidates(probabilities: FloatArray, candidates: BoolArray | None) -> FloatArray:
    """Return (n, C) probabilities renormalised over each item's candidates (n, C)."""
    partial = np.empty(0, np.int64) if candidates is None else np.flatnonzero(~candidates.all(axis=1))
    if candidates is None or not len(partial):
        return probabilities
    sets = candidates[partial]
    inside = np.where(sets, probabilities[partial], 0)
    total = inside.sum(axis=1, keepdims=True)
    even = sets / sets.sum(axis=1, keepdims=True)
    restricted = np.array(probabilities)
    # a model may give all classes of a set probability 0; they are then equally probable
    restricted[partial] = np.where(total > 0, inside / np.where(total > 0, total, 1), even)
    return restricted


def _sets(state: PoolState, positions: IntArray) -> BoolArray:
    return _read_only(state.labels.candidate_rows(positions))


def _take(array: FloatArray, rows: IntArray) -> FloatArray:
    """Return the rows of an array in memory, as float32 if they are float16; `take` is faster than an index."""
    if isinstance(array, StoredRows):
        return array[rows]
    taken = np.take(np.asarray(array), rows, axis=0)
    return taken.astype(np.float32) if taken.dtype == np.float16 else taken


def _read_only(array: A) -> A:
    array.flags.writeable = False
    return array
