"""Pools for checking strategies: an ordinary one, and special cases that have broken strategies before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from nextlabel.contracts import BoolArray, FloatArray, IntArray, Need, NumberArray, Pool
from nextlabel.testing.assertions import read_only

CLASSES, DIMENSIONS, DRAWS = 4, 5, 6
SIZE, COVERED, EARLIER, LEASED = 40, 7, 4, 2
"""Open items, covered items, those of them covered when the strategy prepared, and those that are leased."""
LARGE_CLASSES, LARGE_DIMENSIONS, LARGE_COVERED = 10, 512, 100
_COVERED_NEEDS: tuple[Need, ...] = ("covered_embeddings", "labelled_embeddings")

Reads = Counter[Need]
"""How many rows of each array a strategy read."""


class RecordingArrays(Mapping[Need, FloatArray]):
    """Arrays of a pool that, like the engine's, are read whole or by rows; `reads` counts the rows that were read."""

    def __init__(self, arrays: Mapping[Need, FloatArray], reads: Reads) -> None:
        self._arrays = arrays
        self._reads = reads

    def __getitem__(self, need: Need) -> FloatArray:
        array = self._arrays[need]
        self._reads[need] += array.shape[_rows_axis(need)]
        return array

    def rows(self, need: Need, positions: IntArray) -> FloatArray:
        """Return the rows of an array at `positions` (k,)."""
        self._reads[need] += len(positions)
        rows: FloatArray = np.take(self._arrays[need], positions, axis=_rows_axis(need))
        return rows

    def __contains__(self, need: object) -> bool:  # the inherited one would read the array
        return need in self._arrays

    def __iter__(self) -> Iterator[Need]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


@dataclass(frozen=True)
class World:
    """All N items outside a hold-out, now and when the strategy prepared; the open ones are the pool of a query."""

    size: int
    """Number of items, N."""
    arrays: Mapping[Need, FloatArray]
    """Read-only probabilities, embeddings, samples and std of all items, without regard to candidates."""
    candidates: BoolArray | None
    """(N, C), now; None for regression."""
    covered: IntArray
    """(c,) the labelled and the leased items, in ascending order."""
    earlier: BoolArray
    """(c,) which of them were covered when the strategy prepared; the candidates of the rest were all classes."""
    distinct: bool = True
    """Whether no two items are alike, so that rounding errors cannot change the choice."""

    @property
    def open(self) -> IntArray:
        """(n,) the items that are not covered."""
        positions: IntArray = np.setdiff1d(np.arange(self.size), self.covered, assume_unique=True)
        return positions

    def query(self, needs: frozenset[Need], reads: Reads, prepared: Mapping[str, NumberArray] | None = None) -> Pool:
        """Return the pool of a query; `prepared` holds rows for all N items, if there are prepared arrays."""
        opened = self.open
        prepared = prepared or {}
        new = self.covered[~self.earlier] if prepared else self.covered
        declared = next(iter(needs & set(_COVERED_NEEDS)), None)

        def new_embeddings() -> FloatArray:
            assert declared is not None
            reads[declared] += len(new)
            return _rows("embeddings", self.arrays["embeddings"], new)

        return self._pool(
            opened,
            self._arrays(needs, opened, self.candidates, self.covered),
            reads,
            self.candidates,
            prepared={name: read_only(array[opened]) for name, array in prepared.items()},
            covered_prepared={name: read_only(array[self.covered]) for name, array in prepared.items()},
            new_embeddings=new_embeddings if declared else None,
        )

    def whole(self, needs: frozenset[Need], reads: Reads) -> Pool:
        """Return all items as `prepare` receives them, when only the earlier items were covered."""
        candidates = self.candidates
        if candidates is not None:
            candidates = np.array(candidates)
            candidates[np.setdiff1d(np.arange(self.size), self.covered[self.earlier])] = True
        items = np.arange(self.size)
        arrays = self._arrays(needs, items, candidates, self.covered[self.earlier])
        return self._pool(items, arrays, reads, candidates)

    def part(self, needs: frozenset[Need], reads: Reads, items: IntArray) -> Pool:
        """Return some of the items as `summarize` receives them."""
        return self._pool(items, self._arrays(needs, items, self.candidates, items[:0]), reads, self.candidates)

    def _arrays(
        self, needs: frozenset[Need], items: IntArray, candidates: BoolArray | None, covered: IntArray
    ) -> dict[Need, FloatArray]:
        arrays: dict[Need, FloatArray] = {}
        for need in needs:
            if need in _COVERED_NEEDS:
                arrays[need] = read_only(self.arrays["embeddings"][covered])
            else:
                arrays[need] = _rows(need, self.arrays[need], items)
                if need in {"probabilities", "samples"} and candidates is not None and not candidates.all():
                    arrays[need] = read_only(_restricted(arrays[need], candidates[items]))
        return arrays

    def _pool(
        self,
        items: IntArray,
        arrays: Mapping[Need, FloatArray],
        reads: Reads,
        candidates: BoolArray | None,
        **others: object,
    ) -> Pool:
        labelled = None if candidates is None else candidates[~candidates.all(axis=1)]
        return Pool(
            len(items),
            RecordingArrays(arrays, reads),
            None if candidates is None else read_only(candidates[items]),
            positions=_in_whole_pool(items),
            labelled_candidates=None if labelled is None else lambda: read_only(labelled),
            **others,  # type: ignore[arg-type]
        )


def worlds(needs: frozenset[Need]) -> dict[str, World]:
    """Return the small cases by description, for a strategy whose `needs` and `summary_needs` are `needs`."""
    classification = not needs & {"std"}
    regression = not needs & {"probabilities", "samples"}
    return (_classification() if classification else {}) | (_regression() if regression else {})


def large_world(rows: int, needs: frozenset[Need]) -> World:
    """Return a world with `rows` open items, which may be none, of ten classes and 512 dimensions, float32."""
    covered = min(rows, LARGE_COVERED)
    size = rows + covered
    rng = np.random.default_rng(0)
    arrays: dict[Need, FloatArray] = {}
    if "probabilities" in needs:
        arrays["probabilities"] = _normalised(rng.random((size, LARGE_CLASSES), np.float32) ** 4)
    if needs & {"embeddings", *_COVERED_NEEDS}:
        arrays["embeddings"] = _many_vectors(rng, size)
    if "samples" in needs:
        arrays["samples"] = _normalised(rng.random((DRAWS, size, LARGE_CLASSES), np.float32) ** 2)
    if "std" in needs:
        arrays["std"] = rng.random(size, np.float32)
    for array in arrays.values():
        array.setflags(write=False)
    candidates = None if "std" in needs else np.ones((size, LARGE_CLASSES), np.bool_)
    # the covered items come last, so that the arrays of the pool are views
    return World(size, arrays, candidates, np.arange(rows, size), np.arange(covered) % 10 > 0)


def _classification() -> dict[str, World]:
    rng = np.random.default_rng(0)
    size = SIZE + COVERED
    full = _world(rng, size, CLASSES)
    uniform = np.full((size, CLASSES), 1 / CLASSES, np.float32)
    certain = np.zeros((size, CLASSES), np.float32)
    certain[:, 1] = 1
    opened = full.open
    some, every = np.array(full.candidates), np.array(full.candidates)
    some[opened[[3, 20]]] = np.array([True, True, False, False])
    every[opened] = rng.random((SIZE, CLASSES)) < 0.5  # noqa: PLR2004 - half of the classes
    every[opened, :2] = True
    nothing = np.zeros(COVERED, np.bool_)
    cases = {
        "ordinary": full,
        "before any model, all classes equally probable": _with_probabilities(full, uniform),
        "every item certainly of one class": _with_probabilities(full, certain),
        "the same four items repeated": _with_items(full, rng.integers(0, 4, size)),
        "two open items with partial labels": replace(full, candidates=some),
        "partial labels": replace(full, candidates=every),
        "two classes": _world(rng, size, 2),
        "one item": replace(full, covered=np.delete(np.arange(size), 3), earlier=np.arange(size - 1) % 2 == 0),
        "nothing labelled yet": replace(
            full, candidates=np.ones((size, CLASSES), np.bool_), covered=opened[:0], earlier=nothing[:0]
        ),
        "nothing covered when it was prepared": replace(full, earlier=nothing),
        "nothing covered since it was prepared": replace(full, earlier=~nothing),
        "512 dimensions": _world(rng, size, CLASSES, LARGE_DIMENSIONS),
    }
    return {name: _frozen(world) for name, world in cases.items()}


def _regression() -> dict[str, World]:
    rng = np.random.default_rng(1)
    size = SIZE + COVERED
    full = replace(_world(rng, size, CLASSES), candidates=None)
    certain, unknown = np.zeros(size, np.float32), np.ones(size, np.float32)
    cases = {
        "regression": full,
        "regression, before any model": replace(full, arrays={**full.arrays, "std": unknown}, distinct=False),
        "regression, everything certain": replace(full, arrays={**full.arrays, "std": certain}, distinct=False),
        "regression, the same four items repeated": _with_items(full, rng.integers(0, 4, size)),
        "regression, one item": replace(
            full, covered=np.delete(np.arange(size), 3), earlier=np.arange(size - 1) % 2 == 0
        ),
    }
    return {name: _frozen(world) for name, world in cases.items()}


def _world(rng: np.random.Generator, size: int, classes: int, dimensions: int = DIMENSIONS) -> World:
    arrays: dict[Need, FloatArray] = {
        "probabilities": _normalised(rng.random((size, classes), np.float32) ** 4),
        "embeddings": rng.standard_normal((size, dimensions), np.float32),
        "samples": _normalised(rng.random((DRAWS, size, classes), np.float32) ** 2),
        "std": rng.random(size, np.float32),
    }
    covered = np.sort(rng.permutation(size)[:COVERED])
    candidates = np.ones((size, classes), np.bool_)
    # the first items that became covered since are leased, and have no label
    labelled = np.delete(covered, np.arange(EARLIER, EARLIER + LEASED))
    candidates[labelled] = np.eye(classes, dtype=np.bool_)[rng.integers(0, classes, len(labelled))]
    return World(size, arrays, candidates, covered, np.arange(COVERED) < EARLIER)


def _with_probabilities(world: World, probabilities: FloatArray) -> World:
    arrays: dict[Need, FloatArray] = {"probabilities": probabilities, "samples": np.stack([probabilities] * DRAWS)}
    return replace(world, arrays={**world.arrays, **arrays}, distinct=False)


def _with_items(world: World, items: IntArray) -> World:
    arrays = {need: _rows(need, array, items) for need, array in world.arrays.items()}
    return replace(world, arrays=arrays, distinct=False)


def _frozen(world: World) -> World:
    candidates = None if world.candidates is None else read_only(world.candidates)
    return replace(
        world, arrays={need: read_only(array) for need, array in world.arrays.items()}, candidates=candidates
    )


def _in_whole_pool(items: IntArray) -> IntArray:
    """Return the items' positions in the whole pool, where every fifth item is held out."""
    return items + items // 4


def _many_vectors(rng: np.random.Generator, size: int) -> FloatArray:
    """Return (size, 512) vectors quickly: some directions, each with many lengths."""
    block = rng.standard_normal((4096, LARGE_DIMENSIONS), np.float32)
    lengths = rng.uniform(0.5, 1.5, size).astype(np.float32)
    vectors = np.empty((size, LARGE_DIMENSIONS), np.float32)
    for start in range(0, size, len(block)):
        part = vectors[start : start + len(block)]
        np.multiply(block[: len(part)], lengths[start : start + len(part), None], out=part)
    return vectors


def _normalised(weights: FloatArray) -> FloatArray:
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights


def _restricted(probabilities: FloatArray, candidates: BoolArray) -> FloatArray:
    """Return probabilities (..., n, C) renormalised over candidates (n, C); even where all of them are zero."""
    inside = np.where(candidates, probabilities, 0)
    none = ~inside.any(axis=-1, keepdims=True)
    return _normalised(np.where(none & candidates, np.float32(1), inside))


def _rows_axis(need: Need) -> int:
    return 1 if need == "samples" else 0


def _rows(need: Need, array: FloatArray, items: IntArray) -> FloatArray:
    """Return the rows of an array, as a view if they are its first ones."""
    if np.array_equal(items, np.arange(len(items))):
        return array[:, : len(items)] if need == "samples" else array[: len(items)]
    taken: FloatArray = read_only(np.take(array, items, axis=_rows_axis(need)))
    return taken
