"""The model of label spreading: the pool with its distributions over the classes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np

from nextlabel.contracts import (
    FloatArray,
    ImageInput,
    ImageItems,
    Items,
    Model,
    Need,
    Outputs,
    VectorInput,
    VectorItems,
)
from nextlabel.contracts.errors import Unprocessable
from nextlabel_plugins.spreading.graph_matrix import BATCH, nearest_search
from nextlabel_plugins.spreading.item_vectors import ItemVectors
from nextlabel_plugins.squared_distances import squared_distances

Kernel = Literal["rbf", "knn"]
_POOL_BATCH = 4096
"""Items of the pool that are compared with new ones at a time."""


class SpreadingModel(Model):
    """Predicts the pool from its distributions, and new items from those of the pool, weighted by the kernel.

    With `knn`, the nearest items of the pool have equal weights. With `rbf`, all have exp(-gamma |x - y|^2).
    """

    def __init__(
        self,
        pool: ItemVectors,
        distributions: FloatArray,
        *,
        kernel: Kernel,
        gamma: float,
        neighbours: int,
    ) -> None:
        """`distributions` (n, C) are those of the pool's n items; a row of zeros is an item that no label reached."""
        self.pool, self.distributions = pool, distributions.astype(np.float32)
        self.kernel, self.gamma, self.neighbours = kernel, gamma, neighbours
        self.fitted = len(pool)
        shape = pool.content.shape[1:]
        self.input = VectorInput(*shape) if len(shape) == 1 else ImageInput(*shape)

    def predict_fitted(self, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:  # noqa: ARG002 - not random
        """Return the outputs for the pool."""
        embeddings = self.pool.all_rows(np.float32) if "embeddings" in needs else None
        return Outputs(probabilities=_normalised(self.distributions), embeddings=embeddings)

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:  # noqa: ARG002 - not random
        """Return the outputs for new items. Raises Unprocessable for items of another kind than the pool's."""
        vectors = self._vectors(items)
        weigh = self._from_all if self.kernel == "rbf" else self._from_nearest
        probabilities = np.empty((len(vectors), self.distributions.shape[1]), np.float32)
        for start in range(0, len(vectors), BATCH):
            stop = min(start + BATCH, len(vectors))
            probabilities[start:stop] = _normalised(weigh(vectors, start, stop))
        embeddings = vectors.all_rows(np.float32) if "embeddings" in needs else None
        return Outputs(probabilities=probabilities, embeddings=embeddings)

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the pool's pixels or vectors, these in half precision where that loses nothing, and distributions."""
        content = self.pool.content
        if content.dtype != np.uint8:
            with np.errstate(over="ignore"):  # compared below
                half = content.astype(np.float16)
            content = half if np.array_equal(half, content) else content
        return {"pool": content, "distributions": self.distributions}

    def description(self) -> Mapping[str, Any]:
        """Return the kernel with its parameters."""
        return {
            "kernel": self.kernel,
            "gamma": self.gamma,
            "neighbours": self.neighbours,
            "pixel_max": self.pool.pixel_max,
        }

    @classmethod
    def rebuild(cls, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> SpreadingModel:
        """Return the model with this description and these tensors."""
        options = dict(description)
        pool = ItemVectors(tensors["pool"], options.pop("pixel_max"))
        return cls(pool, tensors["distributions"], **options)

    def _vectors(self, items: Items) -> ItemVectors:
        if isinstance(self.input, ImageInput):
            if not isinstance(items, ImageItems):
                raise Unprocessable("this model predicts images only")
            size = self.input.height, self.input.width
            return ItemVectors(items.pixels(size, self.input.channels), self.pool.pixel_max)
        if not isinstance(items, VectorItems):
            raise Unprocessable("this model predicts vectors only")
        return ItemVectors(items.vectors)

    def _from_nearest(self, vectors: ItemVectors, start: int, stop: int) -> FloatArray:
        """Return the sums of the distributions (k, C) of the nearest items of the pool."""
        nearest = self._search.kneighbors(vectors.rows(start, stop, np.float32), return_distance=False)
        return np.asarray(self.distributions[nearest].sum(axis=1))

    def _from_all(self, vectors: ItemVectors, start: int, stop: int) -> FloatArray:
        """Return the weighted sums of the distributions (k, C) of all items, each row up to a factor.

        The factor gives the nearest item the weight 1, as otherwise all weights could be too small for a number.
        """
        points = vectors.rows(start, stop, np.float64)
        sums = np.zeros((len(points), self.distributions.shape[1]))
        largest = np.full((len(points), 1), -np.inf)
        for first in range(0, len(self.pool), _POOL_BATCH):
            last = min(first + _POOL_BATCH, len(self.pool))
            exponents = squared_distances(points, self.pool.rows(first, last, np.float64))
            exponents *= -self.gamma
            before, largest = largest, np.maximum(largest, exponents.max(axis=1, keepdims=True))
            sums *= np.exp(before - largest)
            sums += np.exp(exponents - largest) @ self.distributions[first:last]
        return sums

    @cached_property
    def _search(self) -> Any:
        return nearest_search(self.pool, min(self.neighbours, len(self.pool)))


def _normalised(sums: FloatArray) -> FloatArray:
    """Return rows (n, C) that sum to one; a row of zeros becomes uniform."""
    totals = sums.sum(axis=1, keepdims=True)
    return np.where(totals > 0, sums / np.where(totals > 0, totals, 1), 1 / sums.shape[1])
