"""The normalised affinity matrix of a graph of items: S = D^-1/2 W D^-1/2 with a diagonal of zeros.

D are the sums of the columns of W. An item without any neighbour has a row and a column of zeros.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from nextlabel.contracts import FloatArray
from nextlabel.contracts.errors import Unprocessable
from nextlabel_plugins.spreading.item_vectors import ItemVectors
from nextlabel_plugins.squared_distances import squared_distances

BATCH = 1024
"""Rows that are computed at a time."""
DENSE_LIMIT = 20_000
"""Most items of a dense graph: its matrix has 3.2 GB."""


class Graph(ABC):
    """The matrix S (n, n) of a graph."""

    @abstractmethod
    def __matmul__(self, beliefs: FloatArray) -> FloatArray:
        """Return the product with `beliefs` (n, C)."""


class DenseGraph(Graph):
    """All pairs of items: W is exp(-gamma |x - y|^2).

    In double precision: an item's similarity to the nearest labelled item can be far below the smallest single.
    """

    def __init__(self, vectors: ItemVectors, gamma: float, progress: Callable[[float], None]) -> None:
        """Compute W. Raises Unprocessable for more than DENSE_LIMIT items."""
        size = len(vectors)
        if size > DENSE_LIMIT:
            raise Unprocessable(
                f"the kernel `rbf` holds the similarities of all pairs in memory and takes at most {DENSE_LIMIT:,} "
                f'items, and these are {size:,}; set kernel = "knn"'
            )
        self._weights = np.empty((size, size))
        points = vectors.all_rows(np.float64)
        for start in range(0, size, BATCH):
            stop = min(start + BATCH, size)
            part = self._weights[start:stop]
            squared_distances(points[start:stop], points, out=part)
            part *= -gamma
            np.exp(part, out=part)
            part[np.arange(stop - start), np.arange(start, stop)] = 0
            progress(stop / size)
        self._roots = _inverse_roots(self._weights.sum(axis=0))[:, None]

    def __matmul__(self, beliefs: FloatArray) -> FloatArray:
        """Return the product with `beliefs` (n, C)."""
        return np.asarray(self._roots * (self._weights @ (self._roots * beliefs)))


class NeighbourGraph(Graph):
    """Each item and its nearest ones: W is 1 from an item to them, itself among them; in general not symmetric."""

    def __init__(self, vectors: ItemVectors, neighbours: int, progress: Callable[[float], None]) -> None:
        """Find the nearest items by Euclidean distance."""
        from scipy.sparse import csr_array  # noqa: PLC0415 - only trainings need it

        size, count = len(vectors), min(neighbours, len(vectors))
        search = nearest_search(vectors, count)
        nearest = np.empty((size, count), np.int32)
        for start in range(0, size, BATCH):
            stop = min(start + BATCH, size)
            nearest[start:stop] = search.kneighbors(vectors.rows(start, stop, np.float32), return_distance=False)
            progress(stop / size)
        weights = (nearest != np.arange(size)[:, None]).astype(np.float64)
        roots = _inverse_roots(np.bincount(nearest.ravel(), weights.ravel(), size).astype(np.float64))
        weights *= roots[:, None] * roots[nearest]
        starts = np.arange(0, size * count + 1, count)
        self._matrix = csr_array((weights.ravel(), nearest.ravel(), starts), shape=(size, size))

    def __matmul__(self, beliefs: FloatArray) -> FloatArray:
        """Return the product with `beliefs` (n, C)."""
        return np.asarray(self._matrix @ beliefs)


def nearest_search(vectors: ItemVectors, neighbours: int) -> Any:
    """Return scikit-learn's search for the `neighbours` nearest items."""
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 - the import takes a second

    return NearestNeighbors(n_neighbors=neighbours).fit(vectors.all_rows(np.float32))


def _inverse_roots(degrees: FloatArray) -> FloatArray:
    return 1 / np.sqrt(np.where(degrees == 0, 1, degrees))
