"""Gaussian process regression whose length scale and noise are fitted to the labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nextlabel.contracts import (
    FloatArray,
    Items,
    Learner,
    LearnerPlugin,
    Model,
    Need,
    NoParameters,
    Outputs,
    Targets,
    Training,
    VectorInput,
    VectorItems,
    hookimpl,
)
from nextlabel.contracts.errors import Unprocessable
from tiny_plugins.vectors import squared_distances


class GaussianProcess(Model):
    """A process with mean `mean` and kernel scale^2 (exp(-d^2 / 2 length^2) + noise [i = j])."""

    def __init__(self, points: FloatArray, values: FloatArray, length: float, noise: float) -> None:
        self.points, self.values, self.length, self.noise = points, values, length, noise
        self.input = VectorInput(points.shape[1])
        self.mean, self.scale = float(values.mean()), float(values.std()) or 1.0
        self._root = np.linalg.cholesky(_kernel(points, points, length) + noise * np.eye(len(points)))
        self._weights = np.linalg.solve(self._root, (values - self.mean) / self.scale)

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
        """Return mean and standard deviation of new labels."""
        assert isinstance(items, VectorItems)
        across = np.linalg.solve(self._root, _kernel(self.points, items.vectors, self.length))
        variance = np.maximum(1 + self.noise - (across**2).sum(axis=0), 0)
        return Outputs(mean=self.mean + self.scale * across.T @ self._weights, std=self.scale * np.sqrt(variance))

    def minus_log_likelihood(self) -> float:
        """Return minus the logarithm of the likelihood of the labels, up to a constant."""
        return float((self._weights**2).sum() / 2 + np.log(np.diag(self._root)).sum())

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the training data."""
        return {"points": self.points, "values": self.values}

    def description(self) -> Mapping[str, Any]:
        """Return the parameters of the kernel."""
        return {"length": self.length, "noise": self.noise}


class GaussianProcessLearner(Learner[NoParameters]):
    """Maximizes the marginal likelihood (Rasmussen and Williams, 2006, section 5.4.1)."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Learn values of vectors. Raises Unprocessable without a label."""
        from scipy.optimize import minimize

        if not isinstance(items, VectorItems) or targets.values is None:
            raise Unprocessable("tiny-gp learns values of vectors only")
        rows = np.flatnonzero(targets.labelled)
        if not len(rows):
            raise Unprocessable("there is no label to learn from")
        points, values = items.take(rows).vectors, targets.values[rows]
        start = np.log([np.sqrt(squared_distances(points, points).mean() / 2) + 1e-3, 0.1])

        def loss(logarithms: FloatArray) -> float:
            return GaussianProcess(points, values, *np.exp(logarithms)).minus_log_likelihood()

        bounds = [(start[0] - 5, start[0] + 3), (np.log(1e-4), np.log(2))]
        result = minimize(loss, start, method="L-BFGS-B", bounds=bounds)
        training.progress(1.0, {"loss": float(result.fun)})
        return GaussianProcess(points, values, *np.exp(result.x).tolist())

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model with this description and these tensors."""
        return GaussianProcess(tensors["points"], tensors["values"], description["length"], description["noise"])


def _kernel(points: FloatArray, others: FloatArray, length: float) -> FloatArray:
    squares = squared_distances(points.astype(np.float64), others.astype(np.float64))
    return np.exp(-0.5 * squares / length**2)


@hookimpl
def nextlabel_learners() -> Iterator[LearnerPlugin]:
    yield LearnerPlugin("tiny-gp", "a Gaussian process with a fitted kernel", GaussianProcessLearner)
