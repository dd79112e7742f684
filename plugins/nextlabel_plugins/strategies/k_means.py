"""k-means: query one item of each cluster, with as many clusters as items are queried.

    centres m_1 .. m_k that minimize sum_x min_j |z(x) - m_j|^2, where z(x) is the embedding;
    of each cluster j the item x with the smallest |z(x) - m_j|

Kang, Ryu and Kwon, "Using cluster-based sampling to select initial training set for active learning in text
classification", PAKDD 2004.
"""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import FloatArray, IntArray, NoParameters, Pool, Selection, Strategy
from nextlabel_plugins.strategies.clustering import kmeans_centres
from nextlabel_plugins.strategies.distances import embedding_batches, nearest_centres

CLUSTERED = 20_000
"""Items that the centres are computed from. Of a larger pool as many are drawn at random."""
CLUSTERED_PER_CENTRE = 20
"""Items that are drawn for each centre, if these are more."""


class KMeans(Strategy[NoParameters]):
    """Queries the item nearest to each centre. It reads all embeddings, and therefore runs in the worker."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002 - nothing is random
        """Return (n,) zeros: an item's distance to its centre depends on the number of clusters."""
        return np.zeros(pool.size)

    def choose(
        self,
        pool: Pool,
        scores: FloatArray,  # noqa: ARG002 - zeros
        size: int,
        rng: np.random.Generator,
    ) -> Selection:
        """Return one item per cluster, scored by minus its distance to the centre, the nearest one first."""
        centres = kmeans_centres(_drawn_embeddings(pool, size, rng), size, rng)
        clusters, squares = np.empty(pool.size, np.int64), np.empty(pool.size, centres.dtype)
        for place, rows in embedding_batches(pool):
            clusters[place], squares[place] = nearest_centres(rows, centres)
        chosen = _nearest_members(clusters, squares)
        if len(chosen) < size:
            # some clusters are empty, as there are copies of items: the items farthest from their centres fill up
            rest = np.setdiff1d(np.arange(pool.size), chosen, assume_unique=True)
            chosen = np.concatenate([chosen, rest[np.argsort(-squares[rest], kind="stable")][: size - len(chosen)]])
        chosen = chosen[np.argsort(squares[chosen], kind="stable")]
        return Selection(chosen, -np.sqrt(squares[chosen]))


def _drawn_embeddings(pool: Pool, size: int, rng: np.random.Generator) -> FloatArray:
    """Return the embeddings (m, D) of all items, or of some drawn at random if there are many."""
    count = max(CLUSTERED, CLUSTERED_PER_CENTRE * size)
    drawn = np.arange(pool.size) if pool.size <= count else np.sort(rng.choice(pool.size, count, replace=False))
    return pool.rows("embeddings", drawn)


def _nearest_members(clusters: IntArray, squares: FloatArray) -> IntArray:
    """Return the item of each cluster with the smallest squared distance, given both for all items (n,)."""
    order = np.lexsort((squares, clusters))
    _, first = np.unique(clusters[order], return_index=True)
    return order[first]
