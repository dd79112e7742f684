"""Plugins for `contention.py`: a data set of points, a learner that takes no time, and strategies."""

from __future__ import annotations

import time
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
    NoParameters,
    Outputs,
    Pool,
    Strategy,
    StrategyPlugin,
    Targets,
    Training,
    VectorInput,
    VectorItems,
    hookimpl,
)

CLASSES = ("left", "right")


@dataclass(frozen=True)
class PointsParameters:
    """Parameters of the data set."""

    size: Annotated[int, Bounds(ge=2), "number of points"] = 1000


class Points(Dataset[PointsParameters]):
    """Points on a line, left or right of its middle."""

    def read(self, root: Path | None, seed: int) -> Contents:
        """Return the points."""
        del root
        points = np.random.default_rng(seed).normal(size=(self.parameters.size, 1)).astype(np.float32)
        ids = [f"point-{number}" for number in range(len(points))]
        return Contents(ids, VectorItems(points), CLASSES, truth=(points[:, 0] > 0).astype(np.int64))


class Threshold(Model):
    """Predicts a class by the side of a threshold."""

    input = VectorInput(1)

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def predict(self, items: Items, needs: frozenset[Any], rng: np.random.Generator) -> Outputs:
        """Return logistic probabilities."""
        del needs, rng
        assert isinstance(items, VectorItems)
        right = 1 / (1 + np.exp(self.threshold - items.vectors[:, 0]))
        return Outputs(probabilities=np.stack([1 - right, right], axis=1).astype(np.float32))

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the threshold."""
        return {"threshold": np.array([self.threshold])}

    def description(self) -> Mapping[str, Any]:
        """Return nothing more."""
        return {}


class ThresholdLearner(Learner[NoParameters]):
    """Takes the mean of the labelled points as the threshold."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Return the model."""
        assert isinstance(items, VectorItems)
        labelled = items.take(np.flatnonzero(targets.labelled)).vectors
        training.progress(1.0, {"loss": 0.0})
        return Threshold(float(labelled.mean()) if len(labelled) else 0.0)

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model of these tensors."""
        del description
        return Threshold(float(tensors["threshold"][0]))


class InOrder(Strategy[NoParameters]):
    """Chooses the first items of the pool: the same for every annotator."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return scores that fall with the place in the pool."""
        del rng
        return -np.arange(pool.size, dtype=np.float64)


@dataclass(frozen=True)
class SleepingParameters:
    """Parameters of the slow strategy."""

    seconds: Annotated[float, Bounds(ge=0), "time that it sleeps"] = 30.0


class Sleeping(Strategy[SleepingParameters]):
    """Sleeps, then chooses at random."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return draws from [0, 1), late."""
        time.sleep(self.parameters.seconds)
        return rng.random(pool.size)


@hookimpl
def nextlabel_datasets() -> Iterator[DatasetPlugin]:
    """Offer the points."""
    yield DatasetPlugin("points", "points on a line", Points, PointsParameters)


@hookimpl
def nextlabel_learners() -> Iterator[LearnerPlugin]:
    """Offer the threshold."""
    yield LearnerPlugin("threshold", "mean of the labelled points", ThresholdLearner)


@hookimpl
def nextlabel_strategies() -> Iterator[StrategyPlugin]:
    """Offer the strategies."""
    yield StrategyPlugin("in-order", "the first items", InOrder)
    yield StrategyPlugin("sleeping", "random, after some time", Sleeping, SleepingParameters)
    yield StrategyPlugin("sleeping-worker", "the same, in the worker", Sleeping, SleepingParameters, in_worker=True)
