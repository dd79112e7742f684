"""The linear head of `half_precision.py`: logistic regression on inputs with a common scale, with a fixed weight decay.

The stored results of that benchmark were measured with it. The learner `linear` weighs the sum of the
losses, not their mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.floating[Any]]

WEIGHT_DECAY = 0.01


class LinearHead:
    """The softmax of a matrix product, fitted to points (n, d) of classes (n,), of which there are `count`."""

    def __init__(self, points: Floats, classes: NDArray[np.int64], count: int) -> None:
        points = points.astype(np.float64)
        centre, scale = points.mean(axis=0), points.std() + 1e-9
        weights, bias = _minimise((points - centre) / scale, np.eye(count, dtype=np.bool_)[classes])
        self.weights = (weights / scale).astype(np.float32)
        self.bias = (bias - centre @ weights / scale).astype(np.float32)

    def predict(self, points: Floats) -> Floats:
        """Return the probabilities (n, C)."""
        return _softmax(points @ self.weights + self.bias)


def _minimise(points: Floats, sets: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the weights (d, C) and the bias (C,), found by L-BFGS."""
    shape = (points.shape[1] + 1, sets.shape[1])
    points = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    decay = np.append(np.full(shape[0] - 1, WEIGHT_DECAY), 1e-6)[:, None]

    def loss(flat: Floats) -> tuple[float, Floats]:
        matrix = flat.reshape(shape)
        p = _softmax(points @ matrix)
        inside = np.maximum((p * sets).sum(axis=1, keepdims=True), 1e-300)
        gradient = points.T @ (p - p * sets / inside) / len(points) + decay * matrix
        value = -np.log(inside).mean() + (decay * matrix**2).sum() / 2
        return float(value), gradient.ravel()

    result = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    matrix = result.x.reshape(shape)
    return matrix[:-1], matrix[-1]


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
