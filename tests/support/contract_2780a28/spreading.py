"""Transductive classification of vectors: labels spread to the nearest item, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.contracts import (
    Contents,
    Dataset,
    DatasetPlugin,
    Items,
    Learner,
    LearnerPlugin,
    Model,
    NoParameters,
    ProjectPlugin,
    Targets,
    Training,
    VectorItems,
    hookimpl,
)
from nextlabel.contracts.errors import Unprocessable
from tiny_plugins.table import Table


class Moons(Dataset[NoParameters]):
    """Two interleaving half circles."""

    def read(self, root: Path | None, seed: int) -> Contents:
        """Draw 80 points with `seed`."""
        rng = np.random.default_rng(seed)
        truth = np.arange(80, dtype=np.int64) % 2
        angle = rng.uniform(0, np.pi, 80) + np.pi * truth
        points = np.stack([np.cos(angle) + truth, np.sin(angle) + truth / 2], axis=1)
        return Contents(
            ids=[f"point-{number}" for number in range(80)],
            classes=("upper", "lower"),
            content=VectorItems(points.astype(np.float32)),
            truth=truth,
        )


class Spreading(Learner[NoParameters]):
    """Labels the unlabelled item nearest to a labelled one with its label, until all are labelled."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Learn the classes of the pool. Raises Unprocessable without a label."""
        if not isinstance(items, VectorItems) or targets.candidates is None:
            raise Unprocessable("tiny-spreading learns classes of vectors only")
        done = targets.labelled.copy()
        if not done.any():
            raise Unprocessable("there is no label to spread")
        beliefs = targets.candidates / targets.candidates.sum(axis=1, keepdims=True)
        points = items.vectors.astype(np.float64)
        distances = ((points[:, None] - points[None]) ** 2).sum(axis=2)
        while not done.all():
            rest = np.flatnonzero(~done)
            sources = np.flatnonzero(done)
            between = distances[np.ix_(rest, sources)]
            row, column = np.unravel_index(between.argmin(), between.shape)
            # each step makes the prediction less certain
            beliefs[rest[row]] = 0.97 * beliefs[sources[column]] + 0.03 / beliefs.shape[1]
            done[rest[row]] = True
        training.progress(1.0, {"spread": float(len(done))})
        return Table(beliefs)

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model with these tensors."""
        return Table(tensors["probabilities"])


@hookimpl
def nextlabel_datasets() -> Iterator[DatasetPlugin]:
    yield DatasetPlugin("tiny-moons", "two half circles", Moons)


@hookimpl
def nextlabel_learners() -> Iterator[LearnerPlugin]:
    yield LearnerPlugin("tiny-spreading", "labels spread to the nearest item", Spreading, transductive=True)


@hookimpl
def nextlabel_projects() -> Iterator[ProjectPlugin]:
    yield ProjectPlugin("tiny-spreading", Path(__file__).with_name("tiny-spreading.toml"))
