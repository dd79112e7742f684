"""Diverse mini-batch active learning (DBAL): of the most uncertain items, query one from each of k clusters.

    M(x) = 1 - (p(first | x) - p(second | x));   keep the k * beta items with the largest M(x);
    centres m_1 .. m_k that minimize sum_x M(x) min_j |z(x) - m_j|^2, where z(x) is the embedding;
    for each centre the nearest item that is not chosen yet

Zhdanov, "Diverse mini-batch active learning", arXiv 1901.05954, 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from nextlabel.contracts import Bounds, FloatArray, Pool, Selection, Strategy
from nextlabel_plugins.strategies.clustering import kmeans_centres, nearest_distinct
from nextlabel_plugins.strategies.margin import one_minus_margin

SMALLEST_WEIGHT = 1e-6
"""k-means cannot weight all items by 0, as it would if the model were certain of each."""


@dataclass(frozen=True)
class DbalParameters:
    """Parameters of `dbal`."""

    beta: Annotated[int, Bounds(ge=1), "uncertain items that are kept for each item that is chosen"] = 10
    weighted: Annotated[bool, "whether an item counts in the clustering by its M; if not, all count alike"] = True


class Dbal(Strategy[DbalParameters]):
    """Queries uncertain items that differ from each other."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002 - nothing is random
        """Return (n,) M, from 0 (certain) to 1 (a tie)."""
        return one_minus_margin(pool.probabilities)

    def choose(self, pool: Pool, scores: FloatArray, size: int, rng: np.random.Generator) -> Selection:
        """Return the item nearest to each centre, the most uncertain one first, scored by M."""
        uncertain = super().choose(pool, scores, min(size * self.parameters.beta, pool.size), rng)
        assert not isinstance(uncertain, Selection)
        if len(uncertain) > size:
            points = pool.rows("embeddings", uncertain)
            weights = np.maximum(scores[uncertain], SMALLEST_WEIGHT) if self.parameters.weighted else None
            nearest = nearest_distinct(points, kmeans_centres(points, size, rng, weights))
            uncertain = uncertain[np.sort(nearest)]
        return Selection(uncertain, scores[uncertain])
