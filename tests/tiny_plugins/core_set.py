"""Core-set: k-center greedy with distances that are prepared in the worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from nextlabel.contracts import (
    FloatArray,
    NoParameters,
    NumberArray,
    Pool,
    Selection,
    Strategy,
    StrategyPlugin,
    hookimpl,
)
from tiny_plugins.vectors import batches, distance_to_nearest

ACTIVE = 4096
UNKNOWN = np.finfo(np.float32).max


class CoreSet(Strategy[NoParameters]):
    """Each pick is the item farthest from all covered items and earlier picks (Sener and Savarese, ICLR 2018).

    Distances only fall while items are labelled and picked, so that the prepared ones are upper
    bounds. Exact distances are computed for the items with the largest bounds only, and for more of
    them once the best one is below a bound of the others: the picks are those of the plain loop.
    """

    def prepare(self, pool: Pool, rng: np.random.Generator) -> Mapping[str, NumberArray]:
        """Return each item's distance to the nearest covered one."""
        return {"distance": _distances(pool, pool.covered_embeddings)}

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return upper bounds of the distances."""
        return (pool.prepared or self.prepare(pool, rng))["distance"]

    def choose(self, pool: Pool, scores: FloatArray, size: int, rng: np.random.Generator) -> Selection:
        """Return the picks with the distances that they had when they were picked."""
        centres = pool.new_embeddings if pool.prepared else pool.covered_embeddings[:0]
        picks, reached = [], []
        if scores[0] == UNKNOWN:  # nothing was covered, so that there are no bounds yet
            if not len(centres):
                picks, reached = [int(rng.integers(pool.size))], [0.0]
                centres = pool.rows("embeddings", np.array(picks))
            scores = _distances(pool, centres)
        bounds = np.array(scores)
        bounds[picks] = -np.inf
        active, points, exact = np.empty(0, np.int64), centres[:0], np.empty(0, np.float32)
        while len(picks) < size:
            outside = bounds.max()
            if not len(exact) or exact.max() < outside:
                more = np.argpartition(-bounds, min(ACTIVE, pool.size) - 1)[:ACTIVE]
                more = more[np.isfinite(bounds[more])]
                rows = pool.rows("embeddings", more)
                nearest = np.minimum(bounds[more], distance_to_nearest(rows, centres))
                active, points = np.concatenate([active, more]), np.concatenate([points, rows])
                exact = np.concatenate([exact, nearest])
                bounds[more] = -np.inf
                continue
            best = int(exact.argmax())
            picks.append(int(active[best]))
            reached.append(float(exact[best]))
            centres = np.concatenate([centres, points[best : best + 1]])
            exact = np.minimum(exact, distance_to_nearest(points, points[best : best + 1]))
            exact[best] = -np.inf
        return Selection(np.array(picks), np.array(reached))


def _distances(pool: Pool, centres: FloatArray) -> FloatArray:
    distances = np.full(pool.size, UNKNOWN)
    if len(centres):
        for place, rows in batches(pool):
            distances[place] = distance_to_nearest(rows, centres)
    return distances


@hookimpl
def nextlabel_strategies() -> Iterator[StrategyPlugin]:
    yield StrategyPlugin(
        "tiny-core-set", "farthest from the covered items", CoreSet, needs=["embeddings", "covered_embeddings"]
    )
