"""Classification of graph nodes: candidate sets are propagated along the edges for a few steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from nextlabel.contracts import (
    BoolArray,
    Bounds,
    Contents,
    Dataset,
    DatasetPlugin,
    FloatArray,
    GraphItems,
    Items,
    Learner,
    LearnerPlugin,
    Model,
    NoParameters,
    ProjectPlugin,
    Targets,
    Training,
    hookimpl,
)
from nextlabel.contracts.errors import Unprocessable
from tiny_plugins.table import Table


class Rings(Dataset[NoParameters]):
    """Three rings of 16 nodes, with a few edges between them."""

    def read(self, root: Path | None, seed: int) -> Contents:
        """Draw the edges between the rings with `seed`; the first node of each ring is labelled."""
        rng = np.random.default_rng(seed)
        ring = np.repeat(np.arange(3), 16)
        nodes = np.arange(48)
        after = ring * 16 + (nodes + 1) % 16
        across = rng.integers(0, 48, (2, 4))
        one_way = np.concatenate([np.stack([nodes, after]), across], axis=1)
        edges = np.unique(np.concatenate([one_way, one_way[::-1]], axis=1), axis=1).astype(np.int64)
        return Contents(
            ids=[f"node-{node}" for node in nodes],
            classes=("red", "green", "blue"),
            content=GraphItems(np.eye(48, dtype=np.float32), edges),
            truth=ring.astype(np.int64),
            initial=np.array([0, 16, 32]),
            holdout=np.array([8, 24, 40]),
        )


@dataclass(frozen=True)
class PropagationParameters:
    """Parameters of `tiny-propagation`."""

    steps: Annotated[int, Bounds(ge=1), "number of edges that a label travels"] = 12


class Propagation(Learner[PropagationParameters]):
    """Sets each node to the mean of its neighbours, restricted to its own candidates."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Learn the classes of all nodes; without labels all classes are equally probable."""
        if not isinstance(items, GraphItems) or targets.candidates is None:
            raise Unprocessable("tiny-propagation learns classes of graph nodes only")
        beliefs = _restrict(np.ones(targets.candidates.shape), targets.candidates)
        for step in range(self.parameters.steps):
            sums = beliefs.copy()
            np.add.at(sums, items.edges[1], beliefs[items.edges[0]])
            beliefs = _restrict(sums, targets.candidates)
            training.progress((step + 1) / self.parameters.steps, {})
        return Table(beliefs)

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model with these tensors."""
        return Table(tensors["probabilities"])


def _restrict(weights: FloatArray, candidates: BoolArray) -> FloatArray:
    inside = np.where(candidates, weights + 1e-9, 0)
    normalised: FloatArray = inside / inside.sum(axis=1, keepdims=True)
    return normalised


@hookimpl
def nextlabel_datasets() -> Iterator[DatasetPlugin]:
    yield DatasetPlugin("tiny-rings", "three rings of nodes", Rings)


@hookimpl
def nextlabel_learners() -> Iterator[LearnerPlugin]:
    yield LearnerPlugin(
        "tiny-propagation", "the mean of the neighbours", Propagation, PropagationParameters, transductive=True
    )


@hookimpl
def nextlabel_projects() -> Iterator[ProjectPlugin]:
    yield ProjectPlugin("tiny-graph", Path(__file__).with_name("tiny-graph.toml"))
