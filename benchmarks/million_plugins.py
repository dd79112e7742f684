"""Plugins for `million.py`: a data set of vectors in a file, and a learner that takes the mean of each class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.contracts import (
    Contents,
    Dataset,
    DatasetPlugin,
    FloatArray,
    Items,
    Learner,
    LearnerPlugin,
    Model,
    NoParameters,
    Outputs,
    Targets,
    Training,
    VectorInput,
    VectorItems,
    hookimpl,
)

CLASSES = tuple(f"class {number}" for number in range(10))
SAMPLES = 5
FILES = ("vectors.npy", "truth.npy")
"""The vectors (n, d) and their classes (n,), in the folder of data sets."""


class Vectors(Dataset[NoParameters]):
    """The vectors of a file, memory-mapped."""

    def read(self, root: Path | None, seed: int) -> Contents:
        """Return the vectors; their ids are their numbers."""
        del seed
        assert root is not None
        vectors, truth = (np.load(root / name, mmap_mode="r") for name in FILES)
        return Contents([str(number) for number in range(len(vectors))], VectorItems(vectors), CLASSES, truth=truth)


class Centroids(Model):
    """Softmax of the negative squared distances to the centroids of the classes; a sample moves the centroids."""

    def __init__(self, centroids: FloatArray) -> None:
        self.centroids = centroids
        self.input = VectorInput(centroids.shape[1])

    def predict(self, items: Items, needs: frozenset[Any], rng: np.random.Generator) -> Outputs:
        """Return the outputs; the embeddings are the vectors themselves."""
        assert isinstance(items, VectorItems)
        rows, draws = items.vectors, SAMPLES if "samples" in needs else 0
        noise = rng.normal(0, 0.1, (draws, *self.centroids.shape)).astype(np.float32)
        # the model itself and its samples in one product
        drawn = _softmax(rows, np.concatenate([self.centroids[None], self.centroids + noise]))
        return Outputs(
            probabilities=drawn[0],
            embeddings=rows if "embeddings" in needs else None,
            samples=drawn[1:] if draws else None,
        )

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the centroids."""
        return {"centroids": self.centroids}

    def description(self) -> Mapping[str, Any]:
        """Return nothing more."""
        return {}


class CentroidLearner(Learner[NoParameters]):
    """Takes the mean of the labelled vectors of each class."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Return the model."""
        assert isinstance(items, VectorItems)
        assert targets.candidates is not None
        labelled = np.flatnonzero(targets.labelled)
        sets, rows = targets.candidates[labelled].astype(np.float32), items.take(labelled).vectors
        weights = sets / np.maximum(sets.sum(axis=0), 1)
        training.progress(1.0, {"loss": 0.0})
        return Centroids((weights.T @ rows).astype(np.float32))

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model of these tensors."""
        del description
        return Centroids(tensors["centroids"])


def _softmax(rows: FloatArray, centroids: FloatArray) -> FloatArray:
    """Return the probabilities (T, n, C) of rows (n, d) by centroids (T, C, d)."""
    products = rows @ centroids.reshape(-1, rows.shape[1]).T
    logits = 2 * products.reshape(len(rows), *centroids.shape[:2]) - (centroids**2).sum(axis=2)
    logits -= logits.max(axis=2, keepdims=True)
    np.exp(logits, out=logits)
    return np.ascontiguousarray((logits / logits.sum(axis=2, keepdims=True)).transpose(1, 0, 2))


@hookimpl
def nextlabel_datasets() -> Iterator[DatasetPlugin]:
    """Offer the vectors."""
    yield DatasetPlugin("vectors-file", "vectors of a file", Vectors)


@hookimpl
def nextlabel_learners() -> Iterator[LearnerPlugin]:
    """Offer the centroids."""
    yield LearnerPlugin("centroids", "the nearest mean", CentroidLearner)
