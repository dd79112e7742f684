"""How networks are updated: by Muon and SGD for `fast`, by SGD for the rest."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import nn

from nextlabel_plugins.networks.fast import Fast
from nextlabel_plugins.networks.muon import Muon
from nextlabel_plugins.networks.network import ImageNetwork


class Descent(Protocol):
    """Updates a network by its gradients."""

    def step(self, done: float) -> None:
        """Take a step, after the share `done` (0..1) of the training."""
        ...


class SGD:
    """Nesterov momentum 0.9 and weight decay; the rate falls to zero as a cosine."""

    def __init__(self, network: nn.Module, rate: float, decay: float) -> None:
        self._rate = rate
        self._sgd = torch.optim.SGD(network.parameters(), rate, momentum=0.9, weight_decay=decay, nesterov=True)

    def step(self, done: float) -> None:
        """Take a step."""
        self._sgd.param_groups[0]["lr"] = self._rate * (0.5 + 0.5 * math.cos(math.pi * done))
        self._sgd.step()


class FastDescent:
    """Muon for the convolutions, Nesterov SGD for biases and head; all rates fall to zero in a line.

    The rates of SGD are those of the sum of the losses in a batch, and the loss is their mean:
    hence the factor `batch`. The bias of the whitening is trained in the first `opening` share
    only.
    """

    BIAS, HEAD, DECAY, REFERENCE = 0.053, 0.67, 2e-6, 2000
    """Rates an image, weight decay an image and step, and the batch that Muon's rate is for."""

    def __init__(self, network: Fast, rate: float, batch: int, opening: float) -> None:
        whitening, head = network.whitening.bias, network.head.weight
        assert whitening is not None
        biases = [
            weight
            for weight in network.parameters()
            if weight.ndim == 1 and weight.requires_grad and weight is not whitening
        ]
        share = rate / 0.24
        # the head is 1 / D of the usual one, and gets 1 / D^2 of the rate
        rates = [self.BIAS * share, self.BIAS * share, self.HEAD * share / network.embedding**2]
        self._rates = [rate * batch for rate in rates]
        self._sgd = torch.optim.SGD(
            [
                {"params": weights, "lr": rate, "weight_decay": self.DECAY * batch / (rate / share)}
                for weights, rate in zip(([whitening], biases, [head]), self._rates, strict=True)
            ],
            momentum=0.85,
            nesterov=True,
        )
        filters = [weight for weight in network.parameters() if weight.ndim > 2 and weight.requires_grad]  # noqa: PLR2004
        self._rate = rate * math.sqrt(batch / self.REFERENCE)
        self._muon = Muon(filters, self._rate, momentum=0.6)
        self._opening = opening
        self._whitening = whitening.requires_grad_()  # of a network trained before it asks for none

    def step(self, done: float) -> None:
        """Take a step."""
        left = 1 - done
        opening = max(0.0, 1 - done / self._opening)
        for group, rate, share in zip(self._sgd.param_groups, self._rates, (opening, left, left), strict=True):
            group["lr"] = rate * share
        self._sgd.step()
        # once it stays, no gradient need go back through the first convolution: a twentieth of the work
        self._whitening.requires_grad_(opening > 0)
        self._muon.rate = self._rate * left
        self._muon.step()


def descent(network: ImageNetwork, rate: float, decay: float, batch: int, opening: float) -> Descent:
    """Return what updates `network`, whose losses are means over `batch` items."""
    if isinstance(network, Fast):
        return FastDescent(network, rate, batch, opening)
    return SGD(network, rate, decay)
