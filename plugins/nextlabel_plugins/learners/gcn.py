"""A graph convolutional network: softmax(A relu(A X V) W), where A is the normalised adjacency with self-loops.

Kipf and Welling, "Semi-supervised classification with graph convolutional networks", ICLR 2017. The layers are those
of PyTorch Geometric (`GCNConv`), and so are the default settings, those of its introductory example.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nextlabel.contracts import (
    FloatArray,
    GraphItems,
    Items,
    Learner,
    Model,
    Need,
    Outputs,
    Targets,
    Training,
)
from nextlabel.contracts.errors import Unprocessable
from nextlabel_plugins.geometric import load_geometric
from nextlabel_plugins.learners.gcn_parameters import GCNParameters
from nextlabel_plugins.learners.learner_inputs import refuse_features


class NodeModel(Model):
    """Knows the nodes that it was fitted with, and no others."""

    def __init__(self, probabilities: FloatArray, embeddings: FloatArray) -> None:
        """`probabilities` (n, C); `embeddings` (n, D) are the hidden layer."""
        self.probabilities, self.embeddings = probabilities, embeddings

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:  # noqa: ARG002 - nothing is random, nothing else is offered
        """Return the outputs of all nodes. Raises Unprocessable for another number of items."""
        if len(items) != len(self.probabilities):
            raise Unprocessable(f"this model predicts the {len(self.probabilities):,} nodes of its graph only")
        return Outputs(probabilities=self.probabilities, embeddings=self.embeddings)

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the outputs of all nodes."""
        return {"probabilities": self.probabilities, "embeddings": self.embeddings}

    def description(self) -> Mapping[str, Any]:
        """Return nothing: the tensors are complete."""
        return {}


class GCN(Learner[GCNParameters]):
    """Transductive: it uses the edges and features of all nodes. `training.start` is not used."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Train on the whole graph; the loss is over the labelled nodes.

        Raises Unprocessable if no node is labelled, if the items are no graph, and for features from `[learner]
        features`; PluginError without PyTorch Geometric.
        """
        if not isinstance(items, GraphItems) or targets.candidates is None:
            raise Unprocessable("the learner `gcn` learns classes of the nodes of a graph, nothing else")
        refuse_features("gcn", training)
        if not targets.labelled.any():
            raise Unprocessable("there is no label to learn from yet")
        load_geometric("learner `gcn`")
        from nextlabel_plugins.networks.training.train_gcn import train_gcn  # noqa: PLC0415 - it loads torch

        return NodeModel(*train_gcn(items, targets, self.parameters, training))

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:  # noqa: ARG002 - the tensors are complete
        """Return the model with these tensors."""
        return NodeModel(tensors["probabilities"], tensors["embeddings"])
