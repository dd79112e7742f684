"""Regression on vectors: a Gaussian process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from nextlabel.contracts import (
    Bounds,
    Contents,
    Dataset,
    DatasetPlugin,
    FloatArray,
    Items,
    Learner,
    LearnerPlugin,
    Model,
    Need,
    NoParameters,
    Outputs,
    ProjectPlugin,
    Targets,
    Training,
    VectorInput,
    VectorItems,
    hookimpl,
)
from nextlabel.contracts.errors import Unprocessable


class Wave(Dataset[NoParameters]):
    """sin(x) with noise at 60 points in [0, 10]."""

    def read(self, root: Path | None, seed: int) -> Contents:
        """Draw the points with `seed`."""
        rng = np.random.default_rng(seed)
        points = rng.uniform(0, 10, (60, 1))
        truth = np.sin(points[:, 0]) + rng.normal(0, 0.1, 60)
        ids = [f"x{number}" for number in range(60)]
        return Contents(ids=ids, content=VectorItems(points.astype(np.float32)), truth=truth)


@dataclass(frozen=True)
class ProcessParameters:
    """Parameters of `tiny-process`."""

    length: Annotated[float, Bounds(gt=0), "length scale of the kernel"] = 1.0
    noise: Annotated[float, Bounds(gt=0), "standard deviation of a label"] = 0.1


class Process(Model):
    """A Gaussian process with a unit RBF kernel."""

    def __init__(self, points: FloatArray, values: FloatArray, length: float, noise: float) -> None:
        self.points, self.values, self.length, self.noise = points, values, length, noise
        self.input = VectorInput(points.shape[1])
        kernel = self._kernel(points, points) + noise**2 * np.eye(len(points))
        self._root = np.linalg.cholesky(kernel)

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
        """Return mean and standard deviation of new labels. Raises Unprocessable if items are not vectors."""
        if not isinstance(items, VectorItems):
            raise Unprocessable("this model predicts vectors only")
        weights = np.linalg.solve(self._root, self._kernel(self.points, items.vectors))
        mean = weights.T @ np.linalg.solve(self._root, self.values)
        variance = 1 + self.noise**2 - (weights**2).sum(axis=0)
        return Outputs(mean=mean, std=np.sqrt(np.maximum(variance, 0)))

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the training data."""
        return {"points": self.points, "values": self.values}

    def description(self) -> Mapping[str, Any]:
        """Return the parameters of the kernel."""
        return {"length": self.length, "noise": self.noise}

    def _kernel(self, a: FloatArray, b: FloatArray) -> FloatArray:
        difference = a[:, None].astype(np.float64) - b[None].astype(np.float64)
        return np.exp(-0.5 * (difference**2).sum(axis=2) / self.length**2)


class ProcessLearner(Learner[ProcessParameters]):
    """Conditions the process on the labels."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Learn values of vectors; without labels the model is the prior."""
        if not isinstance(items, VectorItems) or targets.values is None:
            raise Unprocessable("tiny-process learns values of vectors only")
        rows = targets.labelled
        model = Process(items.vectors[rows], targets.values[rows], self.parameters.length, self.parameters.noise)
        training.progress(1.0, {})
        return model

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model with this description and these tensors."""
        return Process(tensors["points"], tensors["values"], description["length"], description["noise"])


@hookimpl
def nextlabel_datasets() -> Iterator[DatasetPlugin]:
    yield DatasetPlugin("tiny-wave", "sin(x) with noise", Wave)


@hookimpl
def nextlabel_learners() -> Iterator[LearnerPlugin]:
    yield LearnerPlugin("tiny-process", "a Gaussian process", ProcessLearner, ProcessParameters)


@hookimpl
def nextlabel_projects() -> Iterator[ProjectPlugin]:
    yield ProjectPlugin("tiny-regression", Path(__file__).with_name("tiny-regression.toml"))
