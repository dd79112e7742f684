"""Pools for checking strategies: an ordinary one, and special cases that have broken strategies before."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nextlabel.contracts import BoolArray, FloatArray, Need, Pool
from nextlabel.testing.assertions import read_only

CLASSES, DIMENSIONS, DRAWS, LABELLED = 4, 5, 6, 7
SIZE = 40


class RecordingArrays(dict[Need, FloatArray]):
    """Arrays that record in `read` which of them were read."""

    def __init__(self, arrays: Mapping[Need, FloatArray], read: set[Need]) -> None:
        super().__init__(arrays)
        self._read = read

    def __getitem__(self, need: Need) -> FloatArray:
        self._read.add(need)
        return super().__getitem__(need)


def pools(needs: frozenset[Need], read: set[Need]) -> dict[str, Pool]:
    """Return pools by description; names of arrays that a strategy reads are added to `read`."""
    classification = not needs & {"std"}
    regression = not needs & {"probabilities", "samples"}
    by_description = _classification(needs, read) if classification else {}
    return by_description | (_regression(needs, read) if regression else {})


def large_pool(rows: int, needs: frozenset[Need]) -> Pool:
    """Return a pool of `rows` items, which may be none, and ten classes, float32."""
    candidates = None if "std" in needs else np.ones((rows, 10), np.bool_)
    arrays = _arrays(np.random.default_rng(0), rows, 10, 16)
    return Pool(rows, {need: arrays[need] for need in needs}, candidates)


def _classification(needs: frozenset[Need], read: set[Need]) -> dict[str, Pool]:
    rng = np.random.default_rng(0)
    ordinary = _arrays(rng, SIZE, CLASSES, DIMENSIONS)
    uniform = np.full((SIZE, CLASSES), 1 / CLASSES, np.float32)
    certain = np.zeros((SIZE, CLASSES), np.float32)
    certain[:, 1] = 1
    repeated = rng.integers(0, 4, SIZE)
    sets = rng.random((SIZE, CLASSES)) < 0.5  # noqa: PLR2004 - half of the classes
    sets[:, 0] = sets[:, 1] = True
    within_sets = _normalised(ordinary["probabilities"] * sets)
    full = np.ones((SIZE, CLASSES), np.bool_)
    cases = {
        "ordinary": (ordinary, full),
        "before any model, all classes equally probable": (_with_probabilities(ordinary, uniform), full),
        "every item certainly of one class": (_with_probabilities(ordinary, certain), full),
        "the same four items repeated": (_take(ordinary, repeated), full),
        "partial labels": (_with_probabilities(ordinary, within_sets), sets),
        "two classes": (_arrays(rng, SIZE, 2, DIMENSIONS), full[:, :2]),
        "one item": (_take(ordinary, np.arange(1)), full[:1]),
        "nothing labelled yet": ({**ordinary, "labelled_embeddings": ordinary["labelled_embeddings"][:0]}, full),
    }
    return {name: _pool(arrays, sets, needs, read) for name, (arrays, sets) in cases.items()}


def _regression(needs: frozenset[Need], read: set[Need]) -> dict[str, Pool]:
    rng = np.random.default_rng(1)
    ordinary = _arrays(rng, SIZE, CLASSES, DIMENSIONS)
    cases: dict[str, dict[Need, FloatArray]] = {
        "regression": ordinary,
        "regression, before any model": {**ordinary, "std": np.ones(SIZE, np.float32)},
        "regression, everything certain": {**ordinary, "std": np.zeros(SIZE, np.float32)},
        "regression, the same four items repeated": _take(ordinary, rng.integers(0, 4, SIZE)),
        "regression, one item": _take(ordinary, np.arange(1)),
    }
    return {name: _pool(arrays, None, needs, read) for name, arrays in cases.items()}


def _arrays(rng: np.random.Generator, size: int, classes: int, dimensions: int) -> dict[Need, FloatArray]:
    return {
        "probabilities": _normalised(rng.random((size, classes), np.float32) ** 4),
        "embeddings": rng.standard_normal((size, dimensions), np.float32),
        "labelled_embeddings": rng.standard_normal((LABELLED, dimensions), np.float32),
        "samples": _normalised(rng.random((DRAWS, size, classes), np.float32) ** 2),
        "std": rng.random(size, np.float32),
    }


def _with_probabilities(arrays: dict[Need, FloatArray], probabilities: FloatArray) -> dict[Need, FloatArray]:
    return {**arrays, "probabilities": probabilities, "samples": np.stack([probabilities] * DRAWS)}


def _take(arrays: dict[Need, FloatArray], rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> dict[Need, FloatArray]:
    taken = {need: array if need == "labelled_embeddings" else array[rows] for need, array in arrays.items()}
    return {**taken, "samples": arrays["samples"][:, rows]} if len(rows) else taken


def _normalised(weights: FloatArray) -> FloatArray:
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights


def _pool(
    arrays: Mapping[Need, FloatArray], candidates: BoolArray | None, needs: frozenset[Need], read: set[Need]
) -> Pool:
    size = len(arrays["std"] if candidates is None else candidates)
    copies = {need: read_only(arrays[need]) for need in needs}
    return Pool(size, RecordingArrays(copies, read), None if candidates is None else read_only(candidates))
