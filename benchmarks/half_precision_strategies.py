"""The `k-means` and `dbal` of `half_precision.py`, whose stored results were measured with them.

The built-in strategies use k-means with greedy seeding and more iterations. The `k-means` here gives no
cluster to items that are nearer to a covered one.
"""

from __future__ import annotations

import numpy as np
from tiny_plugins.vectors import batches, kmeans, pool_centres, squared_distances

from nextlabel.contracts import FloatArray, NoParameters, Pool, Selection, Strategy

BETA = 10
"""Uncertain items per item that is chosen."""


class KMeans(Strategy[NoParameters]):
    """The items nearest to the centres of as many clusters as items are chosen; covered items are centres too."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002 - nothing is random
        """Return zeros."""
        return np.zeros(pool.size)

    def choose(
        self,
        pool: Pool,
        scores: FloatArray,  # noqa: ARG002 - zeros
        size: int,
        rng: np.random.Generator,
    ) -> Selection:
        """Return the nearest item to each centre, scored by minus the distance."""
        centres = pool_centres(pool, size, rng, fixed=pool.covered_embeddings)
        chosen: dict[int, float] = {}
        if len(centres):
            distances = np.empty((pool.size, len(centres)), np.float32)
            for place, rows in batches(pool):
                distances[place] = np.sqrt(squared_distances(rows, centres))
            for column in distances.T:
                column[list(chosen)] = np.inf
                chosen[int(column.argmin())] = -float(column.min())
        # copies of the centres, if there are fewer distinct items
        for position in rng.permutation(np.setdiff1d(np.arange(pool.size), list(chosen)))[: size - len(chosen)]:
            chosen[int(position)] = -np.finfo(np.float32).max
        return Selection(np.array(list(chosen)), np.array(list(chosen.values())))


class Dbal(Strategy[NoParameters]):
    """Clusters the most uncertain items, weighted by 1 - margin."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002 - nothing is random
        """Return 1 - (p1 - p2)."""
        best = np.sort(pool.probabilities, axis=1)
        return 1 - (best[:, -1] - best[:, -2])

    def choose(self, pool: Pool, scores: FloatArray, size: int, rng: np.random.Generator) -> Selection:
        """Return the item nearest to each centre, the most uncertain one first."""
        uncertain = super().choose(pool, scores, min(size * BETA, pool.size), rng)
        points = pool.rows("embeddings", uncertain)
        squares = squared_distances(points, kmeans(points, size, rng, weights=np.maximum(scores[uncertain], 1e-6)))
        inside = np.empty(squares.shape[1], np.int64)
        for number in range(len(inside)):
            inside[number] = squares[:, number].argmin()
            squares[inside[number]] = np.inf
        # fewer centres than items if many are copies of each other
        rest = np.setdiff1d(np.arange(len(uncertain)), inside)[: size - len(inside)]
        chosen = np.sort(np.concatenate([inside, rest]))
        return Selection(uncertain[chosen], scores[uncertain[chosen]])
