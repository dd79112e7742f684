"""The training of `gcn`: a graph convolutional network with two layers, on the CPU."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn import GCNConv

from nextlabel.contracts import FloatArray, GraphItems, Targets, Training
from nextlabel_plugins.learners.gcn_parameters import GCNParameters
from nextlabel_plugins.networks.training.hardware import preserve_rng_state
from nextlabel_plugins.networks.training.losses import candidate_loss

EPOCHS_PER_LINE = 10
"""An epoch takes milliseconds: the loss of one in ten is reported as that of an epoch, to be listed and stored."""


def train_gcn(
    graph: GraphItems, targets: Targets, parameters: GCNParameters, training: Training
) -> tuple[FloatArray, FloatArray]:
    """Return the probabilities (n, C) and the hidden layer (n, D) of all nodes.

    The same seed and number of threads give the same numbers. The state of torch's generators does not change.
    """
    assert targets.candidates is not None
    rows = torch.from_numpy(np.flatnonzero(targets.labelled))
    sets = torch.from_numpy(targets.candidates[targets.labelled])
    training.progress(0.0, {"bits": 32.0})
    with preserve_rng_state(torch.device("cpu")):
        torch.manual_seed(training.seed)
        network = _Network(graph, sets.shape[1], parameters)
        first, second = (list(layer.parameters()) for layer in network.layers)
        decays = (parameters.weight_decay, parameters.weight_decay if parameters.decay_layers == "all" else 0.0)
        groups = [{"params": part, "weight_decay": decay} for part, decay in zip((first, second), decays, strict=True)]
        optimizer = torch.optim.Adam(groups, lr=parameters.learning_rate)
        for epoch in range(1, parameters.epochs + 1):
            optimizer.zero_grad()
            loss = candidate_loss(network()[0][rows], sets)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            listed = {"epoch": epoch} if epoch % EPOCHS_PER_LINE == 0 or epoch == parameters.epochs else {}
            training.progress(epoch / parameters.epochs, {"loss": loss.item(), "step": epoch, **listed})
    with torch.no_grad():
        logits, hidden = network.eval()()
        return logits.softmax(dim=1).numpy(), hidden.numpy()


class _Network(nn.Module):
    """Predicts the nodes of one graph."""

    def __init__(self, graph: GraphItems, classes: int, parameters: GCNParameters) -> None:
        super().__init__()
        self._features = torch.from_numpy(np.array(graph.features, np.float32))
        if parameters.normalize_features:
            self._features /= self._features.abs().sum(dim=1, keepdim=True).clamp(min=1e-12)
        self._edges = torch.from_numpy(np.array(graph.edges))
        # of a bag of words few are not zero: dropping only these takes a twentieth of the time of dropping all
        self._places = self._features.nonzero(as_tuple=True)
        self._values = self._features[self._places]
        self._dropout = parameters.dropout
        self._input_dropout = parameters.dropout if parameters.input_dropout else 0.0
        # cached: the normalised adjacency is computed once
        self.layers = nn.ModuleList(
            [
                GCNConv(self._features.shape[1], parameters.hidden, cached=True),
                GCNConv(parameters.hidden, classes, cached=True),
            ]
        )

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the logits (n, C) and the hidden layer (n, D) before dropout."""
        first, second = self.layers
        if self._input_dropout:
            self._features[self._places] = functional.dropout(self._values, self._input_dropout, self.training)
        hidden = first(self._features, self._edges).relu()
        dropped = functional.dropout(hidden, self._dropout, self.training)
        return second(dropped, self._edges), hidden
