"""Optimizers: Muon and SGD for `Airbench`, SGD for the other networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from nextlabel_plugins.networks.architectures.airbench import Airbench
from nextlabel_plugins.networks.architectures.network import ImageNetwork
from nextlabel_plugins.networks.training.muon import Muon
from nextlabel_plugins.networks.training.resume import Stateful


class Optimizer(Stateful, Protocol):
    """Updates a network by its gradients."""

    def step(self, done: float) -> None:
        """Update the weights; `done` (0..1) is the share of the training that is done."""
        ...


Schedule = Callable[[float], float]
"""Returns the factor on the learning rate after the share `done` (0..1) of the training."""


def cosine(done: float) -> float:
    """Return a factor that falls from one to zero along a cosine."""
    return 0.5 + 0.5 * math.cos(math.pi * done)


def steps(epochs: int, step_size: int, gamma: float) -> Schedule:
    """Return a schedule that multiplies the learning rate by `gamma` after each `step_size` of the `epochs`."""
    return lambda done: gamma ** (int(done * epochs + 1e-9) // step_size)  # rounding must not delay a fall


@dataclass(frozen=True)
class SGDConfig:
    """Settings of SGD, for the networks that it trains alone."""

    momentum: float = 0.9
    nesterov: bool = True
    schedule: Schedule = cosine


class ScheduledSGD:
    """SGD with momentum and weight decay, and a schedule of the learning rate."""

    def __init__(self, network: nn.Module, learning_rate: float, weight_decay: float, config: SGDConfig) -> None:
        self._learning_rate = learning_rate
        self._schedule = config.schedule
        self._sgd = torch.optim.SGD(
            network.parameters(),
            learning_rate,
            momentum=config.momentum,
            weight_decay=weight_decay,
            nesterov=config.nesterov and config.momentum > 0,
        )

    def step(self, done: float) -> None:
        """Update the weights."""
        self._sgd.param_groups[0]["lr"] = self._learning_rate * self._schedule(done)
        self._sgd.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the momentum of each weight."""
        return self._sgd.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the momentum of each weight."""
        self._sgd.load_state_dict(state)


class AirbenchOptimizer:
    """Muon for the convolutions, Nesterov SGD for biases and head; all learning rates fall linearly to zero.

    The published rates of SGD are for a loss summed over the batch. Our loss is the mean, so they
    are multiplied by `batch_size`. The whitening's bias is only trained in the first
    `whitening_share` of the training.
    """

    BIAS_LR, HEAD_LR, WEIGHT_DECAY, MUON_BATCH_SIZE = 0.053, 0.67, 2e-6, 2000
    """Learning rates per image, weight decay per image and step, and the batch size of Muon's published rate."""

    def __init__(self, network: Airbench, learning_rate: float, batch_size: int, whitening_share: float) -> None:
        whitening, head = network.whitening.bias, network.head.weight
        assert whitening is not None
        biases = [
            weight
            for weight in network.parameters()
            if weight.ndim == 1 and weight.requires_grad and weight is not whitening
        ]
        share = learning_rate / 0.24
        # the head starts at 1 / D of the usual size, so its rate is divided by D^2
        rates = [self.BIAS_LR * share, self.BIAS_LR * share, self.HEAD_LR * share / network.embedding**2]
        self._rates = [rate * batch_size for rate in rates]
        self._sgd = torch.optim.SGD(
            [
                {"params": weights, "lr": rate, "weight_decay": self.WEIGHT_DECAY * batch_size / (rate / share)}
                for weights, rate in zip(([whitening], biases, [head]), self._rates, strict=True)
            ],
            momentum=0.85,
            nesterov=True,
        )
        filters = [weight for weight in network.parameters() if weight.ndim > 2 and weight.requires_grad]  # noqa: PLR2004
        self._muon_rate = learning_rate * math.sqrt(batch_size / self.MUON_BATCH_SIZE)
        self._muon = Muon(filters, self._muon_rate, momentum=0.6)
        self._whitening_share = whitening_share
        self._whitening = whitening.requires_grad_()  # an earlier training has frozen it

    def step(self, done: float) -> None:
        """Update the weights."""
        remaining = 1 - done
        whitening_remaining = max(0.0, 1 - done / self._whitening_share)
        factors = (whitening_remaining, remaining, remaining)
        for group, rate, factor in zip(self._sgd.param_groups, self._rates, factors, strict=True):
            group["lr"] = rate * factor
        self._sgd.step()
        # a frozen bias needs no gradient through the first convolution, which saves a twentieth of the work
        self._whitening.requires_grad_(whitening_remaining > 0)
        self._muon.rate = self._muon_rate * remaining
        self._muon.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the momentum of each weight."""
        return {"sgd": self._sgd.state_dict(), "muon": self._muon.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the momentum of each weight."""
        self._sgd.load_state_dict(state["sgd"])
        self._muon.load_state_dict(state["muon"])


def make_optimizer(
    network: ImageNetwork,
    learning_rate: float,
    weight_decay: float,
    batch_size: int,
    whitening_share: float,
    sgd: SGDConfig = SGDConfig(),
) -> Optimizer:
    """Return the optimizer for `network`, whose losses are means over `batch_size` items.

    `sgd` is for the networks that SGD trains alone.
    """
    if isinstance(network, Airbench):
        return AirbenchOptimizer(network, learning_rate, batch_size, whitening_share)
    return ScheduledSGD(network, learning_rate, weight_decay, sgd)
