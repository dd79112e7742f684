"""Core-set, or k-center greedy: query the item farthest from everything that is labelled or chosen, again and again.

    next x = argmax_x min_{c covered or chosen} |z(x) - z(c)|, where z(x) is the embedding

Sener and Savarese, "Active learning for convolutional neural networks: a core-set approach", ICLR 2018. The greedy
algorithm: Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical Computer Science, 1985.

Distances only fall while items are labelled and chosen. So those that were prepared after the last training are upper
bounds, and exact distances are needed for the items with the largest bounds only: the farthest of these is the
farthest of all if no other item has a larger bound.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nextlabel.contracts import FloatArray, IntArray, NoParameters, NumberArray, Pool, Selection, Strategy
from nextlabel_plugins.squared_distances import squared_distances, squared_lengths
from nextlabel_plugins.strategies.distances import distances_to_nearest, embedding_batches

ACTIVE_NUMBERS = 1 << 21
"""Numbers of embeddings in memory while items are chosen: 8 MB of float32."""


class CoreSet(Strategy[NoParameters]):
    """Queries items that no labelled, leased or chosen item is near. The choice is exact up to rounding."""

    def prepare(self, pool: Pool, rng: np.random.Generator) -> Mapping[str, NumberArray]:  # noqa: ARG002 - nothing is random
        """Return the distance (n,) of each item to the nearest covered one; nothing if none is covered."""
        covered = pool.covered_embeddings
        return {"distance": _distances(pool, covered)} if len(covered) else {}

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return (n,) distances to the items covered when they were prepared; 0 for all if none is covered."""
        prepared = pool.prepared or self.prepare(pool, rng)
        distances: FloatArray = np.asarray(prepared.get("distance", np.zeros(pool.size)), np.float64)
        return distances

    def choose(self, pool: Pool, scores: FloatArray, size: int, rng: np.random.Generator) -> Selection:
        """Return items with the distances that they had when they were chosen.

        If no item is covered, the first one is drawn at random, with a distance of 0.
        """
        if pool.prepared:
            return _farthest(pool, scores, pool.new_embeddings, size)
        if len(covered := pool.covered_embeddings):
            return _farthest(pool, scores, covered[:0], size)
        first = rng.integers(pool.size, size=1)
        centre = pool.rows("embeddings", first)
        return _farthest(pool, _distances(pool, centre), centre[:0], size, first)


def _farthest(
    pool: Pool, bounds: FloatArray, centres: FloatArray, size: int, chosen: IntArray | None = None
) -> Selection:
    """Choose `size` items, the `chosen` ones included, each the farthest from all before it.

    `bounds` (n,) are distances that do not count the `centres` (c, D) yet.
    """
    picks = [] if chosen is None else chosen.tolist()
    reached = [0.0] * len(picks)
    bounds = np.array(bounds)
    bounds[picks] = -np.inf
    count = min(pool.size, max(1, ACTIVE_NUMBERS // max(1, centres.shape[1])))
    near = [centres]
    active, exact, outside = np.empty(0, np.int64), np.empty(0, bounds.dtype), np.inf
    while len(picks) < size:
        if exact.max(initial=-np.inf) < outside:  # an item that is not active may be farther
            bounds[active] = exact
            active = np.argpartition(-bounds, count - 1)[:count]
            points = pool.rows("embeddings", active)
            centred = points - points.mean(axis=0)
            lengths = squared_lengths(centred)
            exact = np.minimum(bounds[active], distances_to_nearest(points, np.concatenate(near)))
            bounds[active] = -np.inf
            outside = bounds.max()
            continue
        best = int(exact.argmax())
        picks.append(int(active[best]))
        reached.append(float(exact[best]))
        near.append(points[best : best + 1])
        exact = np.minimum(exact, np.sqrt(squared_distances(centred, centred[best : best + 1], lengths)[:, 0]))
        exact[best] = -np.inf
    return Selection(np.array(picks, np.int64), np.array(reached))


def _distances(pool: Pool, centres: FloatArray) -> FloatArray:
    """Return the distance (n,) of each item to the nearest of the centres (c, D)."""
    distances = np.empty(pool.size, centres.dtype)
    for place, rows in embedding_batches(pool):
        distances[place] = distances_to_nearest(rows, centres)
    return distances
