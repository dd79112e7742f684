"""TypiClust: a typical item of each cluster."""

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
from tiny_plugins.vectors import batches, pool_centres, squared_distances


@dataclass(frozen=True)
class TypiClustParameters:
    """Parameters of `tiny-typiclust`."""

    batch: Annotated[int, Bounds(ge=1), "clusters beyond those of covered items; the items of a round"] = 20
    most: Annotated[int, Bounds(ge=1), "largest number of clusters"] = 500
    neighbours: Annotated[int, Bounds(ge=1), "nearest items whose mean distance is an item's typicality"] = 20


class TypiClust(Strategy[TypiClustParameters]):
    """The most typical item of each cluster that has the fewest covered items (Hacohen et al., ICML 2022)."""

    def prepare(self, pool: Pool, rng: np.random.Generator) -> Mapping[str, NumberArray]:
        """Return each item's cluster and typicality."""
        return self._prepare(pool, self._centres(pool, rng), rng)

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return the typicality within the cluster; 0 for all items if it is not prepared."""
        return pool.prepared.get("typicality", np.zeros(pool.size, np.float32))

    def choose(self, pool: Pool, scores: FloatArray, size: int, rng: np.random.Generator) -> Selection:
        """Return the picks with their typicality."""
        if pool.prepared:
            clusters, covered = pool.prepared["cluster"], pool.covered_prepared["cluster"]
        else:
            centres = self._centres(pool, rng)
            clusters, scores = self._prepare(pool, centres, rng).values()
            covered = squared_distances(pool.covered_embeddings, centres).argmin(axis=1)
        count = int(max(clusters.max(), covered.max(initial=0))) + 1
        taken, left = np.bincount(covered, minlength=count), np.bincount(clusters, minlength=count)
        scores = np.array(scores)
        picks: list[int] = []
        typicality: list[float] = []
        while len(picks) < size:
            open_clusters = np.flatnonzero(left)
            best = open_clusters[np.lexsort((-left[open_clusters], taken[open_clusters]))[0]]
            picks.append(int(np.where(clusters == best, scores, -np.inf).argmax()))
            typicality.append(float(scores[picks[-1]]))
            scores[picks[-1]] = -np.inf
            taken[best] += 1
            left[best] -= 1
        return Selection(np.array(picks), np.array(typicality))

    def _centres(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        count = min(len(pool.covered_embeddings) + self.parameters.batch, self.parameters.most)
        centres = pool_centres(pool, count, rng)
        return centres if len(centres) else pool.rows("embeddings", np.arange(1))

    def _prepare(self, pool: Pool, centres: FloatArray, rng: np.random.Generator) -> Mapping[str, NumberArray]:
        clusters = np.empty(pool.size, np.int32)
        for place, rows in batches(pool):
            clusters[place] = squared_distances(rows, centres).argmin(axis=1)
        typicality = np.empty(pool.size, np.float32)
        for number in range(len(centres)):
            members = np.flatnonzero(clusters == number)
            typicality[members] = self._typicality(pool, members, rng)
        return {"cluster": clusters, "typicality": typicality}

    def _typicality(self, pool: Pool, members: IntArray, rng: np.random.Generator, most: int = 1000) -> FloatArray:
        """Return 1 / (mean distance to the nearest members), among at most `most` of them drawn at random."""
        others = pool.rows("embeddings", np.sort(rng.permutation(members)[:most]))
        count = min(self.parameters.neighbours + 1, len(others))
        typicality = []
        for start in range(0, len(members), 4096):
            rows = pool.rows("embeddings", members[start : start + 4096])
            nearest = np.sqrt(np.partition(squared_distances(rows, others), count - 1, axis=1)[:, :count])
            typicality.append(1 / (nearest.sum(axis=1) / max(count - 1, 1) + 1e-6))
        return np.concatenate([np.empty(0), *typicality])


@hookimpl
def nextlabel_strategies() -> Iterator[StrategyPlugin]:
    needs = ("embeddings", "covered_embeddings")
    yield StrategyPlugin("tiny-typiclust", "typical for a cluster", TypiClust, TypiClustParameters, needs=needs)
