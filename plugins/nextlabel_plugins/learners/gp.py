"""Gaussian process regression: a mean and a standard deviation for every vector.

    k(x, y) = exp(-|x - y|^2 / 2 l^2) + noise [x is y]

The length scale l and the noise are those of the largest marginal likelihood of the labels (Rasmussen and Williams,
"Gaussian Processes for Machine Learning", 2006, algorithm 2.1 and section 5.4.1), which scikit-learn finds.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Annotated, Any

import numpy as np

from nextlabel.contracts import (
    Bounds,
    FloatArray,
    Items,
    Learner,
    Model,
    Need,
    Outputs,
    Targets,
    Training,
    VectorInput,
    VectorItems,
)
from nextlabel.contracts.errors import Unprocessable
from nextlabel_plugins.learners.learner_inputs import refuse_features

_BATCH = 1024
"""Vectors that are predicted at a time: memory grows with their number times that of the labels."""
_PATIENCE = 20
"""Evaluations of the likelihood after which half of the progress is reported; their number is not known before."""


@dataclass(frozen=True)
class GPParameters:
    """Parameters of `gp`. Raises ValueError if the fit would start outside its bounds."""

    length_scale: Annotated[float, Bounds(gt=0), "length scale of the kernel from which the fit starts"] = 1.0
    length_scale_min: Annotated[float, Bounds(gt=0), "smallest length scale"] = 0.01
    length_scale_max: Annotated[float, Bounds(gt=0), "largest length scale"] = 1000.0
    noise: Annotated[float, Bounds(gt=0), "variance of the labels' noise from which the fit starts"] = 1.0
    noise_min: Annotated[float, Bounds(gt=0), "smallest variance of the noise"] = 1e-10
    noise_max: Annotated[float, Bounds(gt=0), "largest variance of the noise"] = 10.0
    restarts: Annotated[int, Bounds(ge=0), "further fits, from random starts; the most likely one is used"] = 0
    normalize: Annotated[bool, "fit values scaled to mean 0 and variance 1"] = False

    def __post_init__(self) -> None:
        for name in ("length_scale", "noise"):
            low, start, high = (getattr(self, field) for field in (f"{name}_min", name, f"{name}_max"))
            if not low <= start <= high:
                raise ValueError(f"{name} = {start:g} is not from {name}_min = {low:g} to {name}_max = {high:g}")


class GaussianProcess(Model):
    """A process conditioned on m labelled points.

    It has no ONNX form: that would return float32, which does not hold values of any size to the accuracy
    that the ONNX form of a checkpoint must have.
    """

    def __init__(
        self,
        tensors: Mapping[str, FloatArray],
        length_scale: float,
        noise: float,
        offset: float,
        scale: float,
    ) -> None:
        """`tensors` are float64: `points` (m, d), `root` (m, m), the Cholesky factor of their kernel K, and `weights`.

        `weights` (m,) are K^-1 times the values, of which `offset` was subtracted and which were divided by `scale`.
        """
        self._points, self._weights, self._root = (tensors[name] for name in ("points", "weights", "root"))
        self._length_scale, self._noise, self._offset, self._scale = length_scale, noise, offset, scale
        self.input = VectorInput(self._points.shape[1])

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:  # noqa: ARG002 - nothing is random, nothing else is offered
        """Return mean and standard deviation of new labels, the noise included.

        Raises Unprocessable if items are not vectors.
        """
        if not isinstance(items, VectorItems):
            raise Unprocessable("the learner `gp` predicts vectors only")
        parts = [self._predict(rows.astype(np.float64)) for rows in items.batches(_BATCH)]
        mean, std = np.concatenate([np.empty((2, 0)), *parts], axis=1)
        return Outputs(mean=mean, std=std)

    def _predict(self, vectors: FloatArray) -> FloatArray:
        """Return (2, n): the means and the standard deviations of n vectors."""
        from scipy.linalg import solve_triangular  # noqa: PLC0415 - heavy
        from scipy.spatial.distance import cdist  # noqa: PLC0415 - heavy

        squares = cdist(vectors / self._length_scale, self._points / self._length_scale, "sqeuclidean")
        kernel = np.exp(-0.5 * squares)
        explained = solve_triangular(self._root, kernel.T, lower=True, check_finite=False)
        # rounding may make the variance at a label negative
        variance = np.maximum(1 + self._noise - np.einsum("mn,mn->n", explained, explained), 0)
        return np.stack([self._offset + self._scale * (kernel @ self._weights), self._scale * np.sqrt(variance)])

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the labelled points and what was solved for them."""
        return {"points": self._points, "weights": self._weights, "root": self._root}

    def description(self) -> Mapping[str, Any]:
        """Return the fitted kernel, and how values were scaled."""
        return {
            "length_scale": self._length_scale,
            "noise": self._noise,
            "offset": self._offset,
            "scale": self._scale,
        }


class GP(Learner[GPParameters]):
    """Fits length scale and noise to the labels with scikit-learn, in time cubic in their number."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Learn values of vectors.

        Raises Unprocessable for anything else, without a label, and for features from `[learner] features`.
        """
        from threadpoolctl import threadpool_limits  # noqa: PLC0415 - it lists every library that is loaded

        if not isinstance(items, VectorItems) or targets.values is None:
            raise Unprocessable("the learner `gp` learns values of vectors, nothing else")
        refuse_features("gp", training)
        labelled = np.flatnonzero(targets.labelled)
        if not len(labelled):
            raise Unprocessable("there is no label to learn from yet")
        points, values = items.take(labelled).vectors.astype(np.float64), targets.values[labelled]
        offset, scale = (values.mean(), values.std() or 1.0) if self.parameters.normalize else (0.0, 1.0)
        process = self._process(training)
        # numpy and scipy have a thread pool each, whose waiting threads take the cores from each other
        with warnings.catch_warnings(), threadpool_limits(1, "blas"):
            warnings.simplefilter("ignore", _convergence_warning())  # for a value at its bound: logged below
            process.fit(points, (values - offset) / scale)
        kernel = process.kernel_
        _log_bounds(kernel)
        fitted = {"length_scale": float(kernel.k1.length_scale), "noise": float(kernel.k2.noise_level)}
        training.progress(1.0, fitted)
        tensors = {"points": points, "weights": process.alpha_, "root": process.L_}
        return GaussianProcess(tensors, **fitted, offset=float(offset), scale=float(scale))

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model with this description and these tensors."""
        return GaussianProcess(tensors, **description)

    def _process(self, training: Training) -> Any:
        """Return scikit-learn's regressor, not yet fitted."""
        from sklearn.gaussian_process import GaussianProcessRegressor  # noqa: PLC0415 - heavy
        from sklearn.gaussian_process.kernels import RBF, WhiteKernel  # noqa: PLC0415 - heavy

        chosen = self.parameters
        return GaussianProcessRegressor(
            RBF(chosen.length_scale, (chosen.length_scale_min, chosen.length_scale_max))
            + WhiteKernel(chosen.noise, (chosen.noise_min, chosen.noise_max)),
            optimizer=_optimizer(training),
            n_restarts_optimizer=chosen.restarts,
            random_state=training.seed % 2**32,
        )


def _optimizer(training: Training) -> Callable[..., tuple[FloatArray, float]]:
    """Return scikit-learn's optimizer, which also reports progress, so that a fit can be cancelled."""
    evaluations = count(1)

    def optimize(
        loss: Callable[[FloatArray], tuple[float, FloatArray]], start: FloatArray, bounds: FloatArray
    ) -> tuple[FloatArray, float]:
        from scipy.optimize import minimize  # noqa: PLC0415 - heavy

        def report_and_evaluate(theta: FloatArray) -> tuple[float, FloatArray]:
            number = next(evaluations)
            training.progress(number / (number + _PATIENCE), {})
            return loss(theta)

        result = minimize(report_and_evaluate, start, method="L-BFGS-B", jac=True, bounds=bounds)
        if not result.success:
            _log(f"the likelihood may not be the largest: {result.message}")
        return result.x, result.fun

    return optimize


def _log_bounds(kernel: Any) -> None:
    """Log which of the fitted values are at a bound."""
    for name, fitted, (low, high) in zip(("length_scale", "noise"), kernel.theta, kernel.bounds, strict=True):
        for end, bound in (("min", low), ("max", high)):
            if low < high and np.isclose(fitted, bound):
                _log(f"{name} is at its bound {name}_{end} = {np.exp(bound):.3g}")


def _convergence_warning() -> type[Warning]:
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - heavy

    warning: type[Warning] = ConvergenceWarning
    return warning


def _log(message: str) -> None:
    print(f"gp: {message}", flush=True)  # noqa: T201 - the job's log
