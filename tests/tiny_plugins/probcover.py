"""ProbCover: items whose neighbourhoods cover the most items, with the neighbours prepared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from nextlabel.contracts import (
    Bounds,
    FloatArray,
    IntArray,
    NumberArray,
    Pool,
    Selection,
    Strategy,
    StrategyPlugin,
    hookimpl,
)
from tiny_plugins.vectors import batches, squared_distances

BLOCK = 256


@dataclass(frozen=True)
class ProbCoverParameters:
    """Parameters of `tiny-probcover`."""

    delta: Annotated[float, Bounds(gt=0), "radius of a neighbourhood"] = 1.0
    neighbours: Annotated[int, Bounds(ge=1), "largest number of neighbours"] = 50


class ProbCover(Strategy[ProbCoverParameters]):
    """Picks the item with the most neighbours that no covered item or earlier pick is near (Yehuda et al., 2022).

    Neighbours are within `delta`. The number of them that are not covered yet only falls, so that
    the prepared number is an upper bound, and only the items with the largest bounds are counted.
    """

    def prepare(self, pool: Pool, rng: np.random.Generator) -> Mapping[str, NumberArray]:
        """Return the positions of each item's neighbours, the nearest ones if there are many, and their number."""
        count = min(self.parameters.neighbours, pool.size)
        neighbours = np.full((pool.size, count), -1, np.int64)
        for place, rows in batches(pool):
            nearest, squares = _nearest(pool, rows, count)
            inside = squares <= self.parameters.delta**2
            neighbours[place] = np.where(inside, pool.positions[nearest], -1)
        return {"neighbours": neighbours, "number": (neighbours >= 0).sum(axis=1).astype(np.float32)}

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return the number of neighbours; 0 for all items if they are not prepared."""
        return pool.prepared.get("number", np.zeros(pool.size, np.float32))

    def choose(self, pool: Pool, scores: FloatArray, size: int, rng: np.random.Generator) -> Selection:
        """Return the picks with the number of items that each covers first."""
        prepared = pool.prepared or self.prepare(pool, rng)
        neighbours = prepared["neighbours"]
        covered = pool.covered_prepared["neighbours"] if pool.prepared else self._around(pool, pool.covered_embeddings)
        highest = max(neighbours.max(initial=0), covered.max(initial=0))
        free = np.ones(int(highest) + 2, np.bool_)  # the last one stands for no neighbour, -1
        free[-1] = False
        free[covered] = False
        bounds = np.array(prepared["number"])
        picks: list[int] = []
        gains: list[float] = []
        while len(picks) < size:
            best = np.argpartition(-bounds, min(BLOCK, pool.size) - 1)[:BLOCK]
            best = best[np.isfinite(bounds[best])]
            bounds[best] = free[neighbours[best]].sum(axis=1)
            pick = int(best[bounds[best].argmax()])
            if bounds[pick] < bounds.max():
                continue  # an item that was not counted has a larger bound
            picks.append(pick)
            gains.append(float(bounds[pick]))
            bounds[pick] = -np.inf
            free[neighbours[pick]] = False
        return Selection(np.array(picks), np.array(gains))

    def _around(self, pool: Pool, points: FloatArray) -> IntArray:
        nearest, squares = _nearest(pool, points, min(self.parameters.neighbours, pool.size))
        return np.where(squares <= self.parameters.delta**2, pool.positions[nearest], -1)


def _nearest(pool: Pool, points: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """Return (n, count) the nearest items of the pool to points (n, D), and their squared distances."""
    nearest, squares = np.empty((len(points), 0), np.int64), np.empty((len(points), 0), np.float32)
    for place, rows in batches(pool):
        numbers = np.broadcast_to(np.arange(place.start, place.stop), (len(points), len(rows)))
        nearest = np.concatenate([nearest, numbers], axis=1)
        squares = np.concatenate([squares, squared_distances(points, rows)], axis=1)
        order = np.argsort(squares, axis=1, kind="stable")[:, :count]
        nearest, squares = np.take_along_axis(nearest, order, 1), np.take_along_axis(squares, order, 1)
    return nearest, squares


@hookimpl
def nextlabel_strategies() -> Iterator[StrategyPlugin]:
    yield StrategyPlugin(
        "tiny-probcover",
        "covers the most neighbours",
        ProbCover,
        ProbCoverParameters,
        needs=["embeddings", "covered_embeddings"],
    )
