"""A graph convolutional network in plain torch, whose randomness comes from a generator of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from nextlabel.contracts import (
    Bounds,
    GraphItems,
    Items,
    Learner,
    LearnerPlugin,
    Model,
    Targets,
    Training,
    hookimpl,
)
from nextlabel.contracts.errors import Unprocessable
from tiny_plugins.table import Table


@dataclass(frozen=True)
class GcnParameters:
    """Parameters of `tiny-gcn`; the defaults are those of the paper for Cora."""

    hidden: Annotated[int, Bounds(ge=1), "units of the hidden layer"] = 16
    epochs: Annotated[int, Bounds(ge=1), "steps of Adam"] = 200
    learning_rate: Annotated[float, Bounds(gt=0), "step size of Adam"] = 0.01
    weight_decay: Annotated[float, Bounds(ge=0), "weight decay of the first layer"] = 5e-4
    dropout: Annotated[float, Bounds(ge=0, lt=1), "share of the inputs of each layer that is dropped"] = 0.5


class Gcn(Learner[GcnParameters]):
    """softmax(A relu(A X W) V), where A is the normalized adjacency with loops (Kipf and Welling, ICLR 2017)."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Learn the classes of all nodes. Raises Unprocessable without a label."""
        import torch

        if not isinstance(items, GraphItems) or targets.candidates is None:
            raise Unprocessable("tiny-gcn learns classes of graph nodes only")
        if not targets.labelled.any():
            raise Unprocessable("there is no label to learn from")
        parameters = self.parameters
        generator = torch.Generator().manual_seed(training.seed)
        adjacency = _adjacency(items)
        features = torch.from_numpy(np.array(items.features, np.float32))
        features /= features.abs().sum(dim=1, keepdim=True).clamp(min=1e-9)
        sets = torch.from_numpy(np.array(targets.candidates[targets.labelled]))
        rows = torch.from_numpy(np.flatnonzero(targets.labelled))
        first = _glorot(features.shape[1], parameters.hidden, generator)
        second = _glorot(parameters.hidden, sets.shape[1], generator)
        groups = [{"params": [first], "weight_decay": parameters.weight_decay}, {"params": [second]}]
        optimizer = torch.optim.Adam(groups, lr=parameters.learning_rate)

        def drop(values: torch.Tensor) -> torch.Tensor:
            share = parameters.dropout
            return values * (torch.rand(values.shape, generator=generator) >= share) / (1 - share)

        for epoch in range(parameters.epochs):
            hidden = (adjacency @ (drop(features) @ first)).relu()
            logits = adjacency @ (drop(hidden) @ second)
            inside = logits[rows].log_softmax(dim=1).masked_fill(~sets, -torch.inf)
            loss = -inside.logsumexp(dim=1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            training.progress((epoch + 1) / parameters.epochs, {"loss": loss.item()})
        with torch.no_grad():
            hidden = (adjacency @ (features @ first)).relu()
            probabilities = (adjacency @ (hidden @ second)).softmax(dim=1)
        return Table(probabilities.numpy(), hidden.numpy())

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model with these tensors."""
        return Table(tensors["probabilities"], tensors["embeddings"])


def _adjacency(items: GraphItems) -> Any:
    """Return D^-1/2 (A + I) D^-1/2 as a sparse tensor."""
    import torch

    loops = np.arange(len(items))
    edges = np.unique(np.concatenate([items.edges, np.stack([loops, loops])], axis=1), axis=1)
    degrees = np.bincount(edges[0], minlength=len(items))
    weights = 1 / np.sqrt(degrees[edges[0]] * degrees[edges[1]])
    shape = (len(items), len(items))
    values = torch.from_numpy(weights.astype(np.float32))
    return torch.sparse_coo_tensor(torch.from_numpy(edges), values, shape, check_invariants=True)


def _glorot(inputs: int, outputs: int, generator: Any) -> Any:
    import torch

    limit = (6 / (inputs + outputs)) ** 0.5
    return torch.empty(inputs, outputs).uniform_(-limit, limit, generator=generator).requires_grad_()


@hookimpl
def nextlabel_learners() -> Iterator[LearnerPlugin]:
    yield LearnerPlugin("tiny-gcn", "a graph convolutional network", Gcn, GcnParameters, transductive=True)
