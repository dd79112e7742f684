"""Label spreading over a graph of nearest neighbours, for the pool alone and for new content too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from nextlabel.contracts import (
    BoolArray,
    Bounds,
    FloatArray,
    IntArray,
    Items,
    Learner,
    LearnerPlugin,
    Model,
    Need,
    Outputs,
    Targets,
    Training,
    VectorInput,
    VectorItems,
    hookimpl,
)
from nextlabel.contracts.errors import Unprocessable
from tiny_plugins.table import Table
from tiny_plugins.vectors import squared_distances


@dataclass(frozen=True)
class SpreadingParameters:
    """Parameters of `tiny-label-spreading`."""

    neighbours: Annotated[int, Bounds(ge=1), "nearest items that labels spread to"] = 7
    alpha: Annotated[float, Bounds(gt=0, lt=1), "share of the neighbours in each step"] = 0.9
    steps: Annotated[int, Bounds(ge=1), "steps"] = 30


class LabelSpreading(Learner[SpreadingParameters]):
    """F = alpha S F + (1 - alpha) Y on a graph of nearest neighbours (Zhou et al., NIPS 2004)."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Learn the classes of the pool. Raises Unprocessable without a label."""
        return Table(self.spread(items, targets, training)[1])

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model with these tensors."""
        return Table(tensors["probabilities"])

    def spread(self, items: Items, targets: Targets, training: Training) -> tuple[FloatArray, FloatArray]:
        """Return the vectors (n, d) and the probabilities (n, C) of all items."""
        if not isinstance(items, VectorItems) or targets.candidates is None:
            raise Unprocessable("tiny-label-spreading learns classes of vectors only")
        if not targets.labelled.any():
            raise Unprocessable("there is no label to spread")
        points, sets = items.vectors, targets.candidates
        graph = _graph(points, min(self.parameters.neighbours, len(points) - 1))
        labels = sets / sets.sum(axis=1, keepdims=True) * targets.labelled[:, None]
        beliefs = labels
        for step in range(self.parameters.steps):
            beliefs = self.parameters.alpha * (graph @ beliefs) + (1 - self.parameters.alpha) * labels
            training.progress((step + 1) / self.parameters.steps, {})
        return points, _normalised(beliefs, sets)


class InductiveLabelSpreading(LabelSpreading):
    """Its model predicts the pool from the graph, and new vectors from their nearest neighbours in the pool."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Learn the classes of the pool. Raises Unprocessable without a label."""
        return Spread(*self.spread(items, targets, training), self.parameters.neighbours)

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model with this description and these tensors."""
        return Spread(tensors["points"], tensors["probabilities"], description["neighbours"])


class Spread(Model):
    """The vectors of a pool with their probabilities."""

    def __init__(self, points: FloatArray, probabilities: FloatArray, neighbours: int) -> None:
        self.points, self.probabilities, self.neighbours = points, probabilities, neighbours
        self.input = VectorInput(points.shape[1])
        self.fitted = len(points)

    def predict_fitted(self, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
        """Return the probabilities of the pool."""
        return Outputs(probabilities=self.probabilities, embeddings=self.points)

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
        """Return the mean of the nearest neighbours in the pool."""
        assert isinstance(items, VectorItems)
        nearest = _nearest(items.vectors, self.points, min(self.neighbours, len(self.points)))
        return Outputs(probabilities=self.probabilities[nearest].mean(axis=1), embeddings=items.vectors)

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the vectors and their probabilities."""
        return {"points": self.points, "probabilities": self.probabilities}

    def description(self) -> Mapping[str, Any]:
        """Return the number of neighbours."""
        return {"neighbours": self.neighbours}


def _graph(points: FloatArray, count: int) -> Any:
    """Return the symmetric graph of nearest neighbours, divided by the roots of the degrees."""
    from scipy.sparse import coo_array, diags_array

    nearest = _nearest(points, points, count + 1)
    rows = np.repeat(np.arange(len(points)), count + 1)
    inside = rows != nearest.ravel()
    edges = coo_array(
        (np.ones(inside.sum()), (rows[inside], nearest.ravel()[inside])), shape=(len(points),) * 2
    ).tocsr()
    edges = edges.maximum(edges.T)
    roots = diags_array(1 / np.sqrt(np.maximum(edges.sum(axis=1), 1)))
    return roots @ edges @ roots


def _nearest(points: FloatArray, others: FloatArray, count: int) -> IntArray:
    """Return (n, count) the nearest of others (m, d) to each point (n, d)."""
    parts = [np.empty((0, count), np.int64)]
    for start in range(0, len(points), 1024):
        squares = squared_distances(points[start : start + 1024], others)
        parts.append(np.argpartition(squares, count - 1, axis=1)[:, :count])
    return np.concatenate(parts)


def _normalised(beliefs: FloatArray, sets: BoolArray) -> FloatArray:
    inside = (beliefs + 1e-9) * sets
    return inside / inside.sum(axis=1, keepdims=True)


@hookimpl
def nextlabel_learners() -> Iterator[LearnerPlugin]:
    yield LearnerPlugin(
        "tiny-label-spreading", "labels spread to neighbours", LabelSpreading, SpreadingParameters, transductive=True
    )
    yield LearnerPlugin(
        "tiny-inductive-label-spreading",
        "labels spread to neighbours, and to new items",
        InductiveLabelSpreading,
        SpreadingParameters,
        transductive=True,
    )
