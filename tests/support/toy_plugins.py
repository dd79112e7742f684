"""Data sets and strategies so small that a round takes milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from nextlabel.contracts import (
    Bounds,
    Contents,
    Dataset,
    DatasetPlugin,
    NoParameters,
    Pixels,
    Pool,
    Selection,
    Strategy,
    StrategyPlugin,
    TestSplit,
    VectorItems,
    hookimpl,
)
from nextlabel.contracts.errors import DatasetMissing

CLASSES = ("red", "green", "blue")


@dataclass(frozen=True)
class BlobParameters:
    size: Annotated[int, Bounds(ge=0), "points"] = 60
    spread: float = 0.4
    known: bool = True
    sets: Annotated[float, Bounds(ge=0, le=1), "share of the points with a candidate set of two classes"] = 0.0
    tests: Annotated[int, Bounds(ge=0), "points of the test split; none: no test split"] = 0
    wrong_tests: Annotated[bool, "give every point of the test split a wrong class"] = False


class Blobs(Dataset[BlobParameters]):
    """Three clouds of points in the plane."""

    def read(self, root: Path | None, seed: int) -> Contents:
        rng = np.random.default_rng(seed)
        size = self.parameters.size
        truth = np.arange(size, dtype=np.int64) % 3
        centres = np.array([[0, 0], [3, 0], [0, 3]], np.float32)
        points = centres[truth] + rng.normal(0, self.parameters.spread, (size, 2))
        sets = None
        if self.parameters.sets:
            sets = np.ones((size, 3), np.bool_)
            for row in np.flatnonzero(rng.random(size) < self.parameters.sets):
                sets[row, (truth[row] + 1) % 3] = False
        test = None
        if self.parameters.tests:
            classes = np.arange(self.parameters.tests, dtype=np.int64) % 3
            near = VectorItems(centres[classes] + np.float32(0.1))
            test = TestSplit(near, (classes + self.parameters.wrong_tests) % 3)
        return Contents(
            ids=[f"p{number}" for number in range(size)],
            classes=CLASSES,
            content=VectorItems(points.astype(np.float32)),
            truth=truth if self.parameters.known else None,
            candidates=sets,
            test=test,
        )


class Steps(Dataset[NoParameters]):
    """Regression: 40 numbers whose value is the number itself, and a test split in which it is 0.5 more."""

    def read(self, root: Path | None, seed: int) -> Contents:
        numbers = np.linspace(0, 4, 40)
        test = TestSplit(VectorItems(np.float32([[1], [2], [3]])), np.array([1.5, 2.5, 3.5]))
        ids = [f"n{number}" for number in range(40)]
        return Contents(ids, VectorItems(numbers.astype(np.float32)[:, None]), truth=numbers, test=test)


@dataclass(frozen=True)
class SquareParameters:
    size: int = 30
    known: bool = True


class Squares(Dataset[SquareParameters]):
    """Grey images of 4 x 4; the brighter half is the class."""

    def read(self, root: Path | None, seed: int) -> Contents:
        rng = np.random.default_rng(seed)
        size = self.parameters.size
        truth = np.arange(size, dtype=np.int64) % 2
        pixels = rng.integers(0, 60, (size, 4, 4), np.uint8)
        pixels[truth == 0, :, :2] += 150
        pixels[truth == 1, :, 2:] += 150
        return Contents(
            ids=[f"s{number}" for number in range(size)],
            classes=("left", "right"),
            content=Pixels(pixels),
            truth=truth if self.parameters.known else None,
        )


class Missing(Dataset[NoParameters]):
    """Always missing."""

    def read(self, root: Path | None, seed: int) -> Contents:
        raise DatasetMissing("toy-missing is not on this machine; download it with `nextlabel download PROJECT`")


class First(Strategy[NoParameters]):
    """Items in their order, so that a test can predict the choice."""

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        return -np.arange(pool.size, dtype=np.float64)


@dataclass(frozen=True)
class NearParameters:
    place: Annotated[int, Bounds(ge=0), "place in the pool"] = 0


class Near(Strategy[NearParameters]):
    """The items nearest to a place in the pool."""

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        return -np.abs(np.arange(pool.size, dtype=np.float64) - self.parameters.place)


def nearest(rows: np.ndarray[Any, Any], others: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The squared distance (n,) of each row to the nearest of the others; 1e9 if there is none."""
    if not len(others):
        return np.full(len(rows), 1e9, np.float32)
    return np.asarray(((rows[:, None] - others[None]) ** 2).sum(axis=2).min(axis=1), np.float32)


class Embedded(Strategy[NoParameters]):
    """The items farthest from the labelled ones."""

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        apart = pool.embeddings[:, None] - pool.labelled_embeddings[None]
        return np.asarray((apart.astype(np.float64) ** 2).sum(axis=2).min(axis=1, initial=1e9))


class Farthest(Strategy[NoParameters]):
    """One after the other, the item farthest from the covered and the chosen ones (k-center greedy)."""

    def distances(self, pool: Pool) -> np.ndarray[Any, Any]:
        return nearest(pool.embeddings, pool.covered_embeddings)

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        return self.distances(pool)

    def choose(self, pool: Pool, scores: Any, size: int, rng: np.random.Generator) -> Selection:
        distances, positions, picked = scores.copy(), [], []
        for _ in range(size):
            position = int(distances.argmax())
            positions.append(position)
            picked.append(distances[position])
            distances = np.minimum(distances, nearest(pool.embeddings, pool.rows("embeddings", np.array([position]))))
            distances[position] = -1.0
        return Selection(np.array(positions), np.array(picked))


@dataclass(frozen=True)
class PreparedParameters:
    scale: Annotated[float, Bounds(gt=0), "factor of the distances"] = 1.0


class PreparedFarthest(Farthest, Strategy[PreparedParameters]):  # type: ignore[misc]
    """The same choice, with distances to the items that were covered in the last scoring from the worker."""

    def prepare(self, pool: Pool, rng: np.random.Generator) -> dict[str, Any]:
        distances = nearest(pool.embeddings, pool.covered_embeddings)
        return {"distance": distances.astype(np.float32), "position": pool.positions}

    def distances(self, pool: Pool) -> np.ndarray[Any, Any]:
        if not pool.prepared:
            return np.ones(pool.size)
        np.testing.assert_array_equal(pool.prepared["position"], pool.positions)
        return np.minimum(pool.prepared["distance"], nearest(pool.embeddings, pool.new_embeddings))


class Summarized(Strategy[NoParameters]):
    """The items whose samples vary most, which are never stored."""

    def summarize(self, pool: Pool) -> dict[str, Any]:
        return {"spread": pool.samples.std(axis=0).sum(axis=1)}

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        return np.asarray(pool.prepared.get("spread", np.zeros(pool.size)), np.float64)


class Unprepared(Strategy[NoParameters]):
    """Its `prepare` fails."""

    def prepare(self, pool: Pool, rng: np.random.Generator) -> dict[str, Any]:
        raise ZeroDivisionError("no neighbours")

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        return np.zeros(pool.size)


class Sampled(Strategy[NoParameters]):
    """The items whose samples vary most."""

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        return np.asarray(pool.samples.std(axis=0).sum(axis=1), np.float64)


class Widest(Strategy[NoParameters]):
    """The items with the largest standard deviation."""

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        return np.asarray(pool.std, np.float64)


class Repeating(Strategy[NoParameters]):
    """Breaks the contract: it chooses one item several times."""

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        return np.zeros(pool.size)

    def choose(self, pool: Pool, scores: Any, size: int, rng: np.random.Generator) -> Any:
        return np.zeros(size, np.int64)


@hookimpl
def nextlabel_datasets() -> Iterator[DatasetPlugin]:
    yield DatasetPlugin("toy-blobs", "three clouds", Blobs, BlobParameters)
    yield DatasetPlugin("toy-squares", "small images", Squares, SquareParameters)
    yield DatasetPlugin("toy-steps", "numbers", Steps)
    yield DatasetPlugin("toy-missing", "missing", Missing)


@hookimpl
def nextlabel_strategies() -> Iterator[StrategyPlugin]:
    yield StrategyPlugin("toy-first", "in order", First)
    yield StrategyPlugin("toy-near", "near a place", Near, NearParameters)
    yield StrategyPlugin("toy-embedded", "far away", Embedded, needs=["embeddings", "labelled_embeddings"])
    covering = ["embeddings", "covered_embeddings"]
    yield StrategyPlugin("toy-farthest", "farthest first", Farthest, needs=covering)
    yield StrategyPlugin("toy-prepared", "the same", PreparedFarthest, PreparedParameters, needs=covering)
    yield StrategyPlugin("toy-summarized", "wide", Summarized, summary_needs=["samples"])
    yield StrategyPlugin("toy-unprepared", "fails", Unprepared)
    yield StrategyPlugin("toy-sampled", "wide", Sampled, needs=["samples"])
    yield StrategyPlugin("toy-widest", "deviation", Widest, needs=["std"])
    yield StrategyPlugin("toy-repeating", "wrong", Repeating)
