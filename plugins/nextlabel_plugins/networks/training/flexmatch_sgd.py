"""The optimizer of FixMatch and FlexMatch."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn


class FlexMatchSGD:
    """SGD with Nesterov momentum 0.9; the rate falls along cos(7/16 pi t), to a fifth.

    Biases and the parameters of batch norms have no weight decay.
    """

    def __init__(self, network: nn.Module, learning_rate: float, weight_decay: float) -> None:
        decayed = [weight for weight in network.parameters() if weight.ndim > 1]
        others = [weight for weight in network.parameters() if weight.ndim <= 1]
        self._learning_rate = learning_rate
        groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
        self._sgd = torch.optim.SGD(groups, learning_rate, momentum=0.9, nesterov=True)

    def step(self, done: float) -> None:
        """Update the weights; `done` (0..1) is the share of the training that is done."""
        for group in self._sgd.param_groups:
            group["lr"] = self._learning_rate * math.cos(7 / 16 * math.pi * done)
        self._sgd.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the momentum of each weight."""
        return self._sgd.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the momentum of each weight."""
        self._sgd.load_state_dict(state)
