"""DBAL: the most uncertain items, then the most diverse of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from nextlabel.contracts import Bounds, FloatArray, Pool, Selection, Strategy, StrategyPlugin, hookimpl
from tiny_plugins.vectors import kmeans, nearest_distinct, squared_distances


@dataclass(frozen=True)
class DbalParameters:
    """Parameters of `tiny-dbal`."""

    beta: Annotated[int, Bounds(ge=1), "uncertain items per item that is chosen"] = 10


class Dbal(Strategy[DbalParameters]):
    """Clusters the size * beta items of least margin, weighted by 1 - margin (Zhdanov, 2019)."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return 1 - (p1 - p2)."""
        classes = pool.probabilities.shape[1]
        best = np.partition(pool.probabilities, [classes - 2, classes - 1], axis=1) if classes > 1 else None
        return np.zeros(pool.size) if best is None else 1 - (best[:, -1] - best[:, -2])

    def choose(self, pool: Pool, scores: FloatArray, size: int, rng: np.random.Generator) -> Selection:
        """Return the item nearest to each centre, the most uncertain one first."""
        uncertain = super().choose(pool, scores, min(size * self.parameters.beta, pool.size), rng)
        points = pool.rows("embeddings", uncertain)
        centres = kmeans(points, size, rng, weights=np.maximum(scores[uncertain], 1e-6))
        inside = nearest_distinct(squared_distances(points, centres))
        # fewer centres than items if many are copies of each other
        rest = np.setdiff1d(np.arange(len(uncertain)), inside)[: size - len(inside)]
        chosen = np.sort(np.concatenate([inside, rest]))
        return Selection(uncertain[chosen], scores[uncertain[chosen]])


@hookimpl
def nextlabel_strategies() -> Iterator[StrategyPlugin]:
    yield StrategyPlugin(
        "tiny-dbal", "uncertain and diverse", Dbal, DbalParameters, needs=["probabilities", "embeddings"]
    )
