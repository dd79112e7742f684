"""The running average of a network's parameters, which predicts better than the last ones."""

from __future__ import annotations

import copy

import torch

from nextlabel_plugins.networks.architectures.network import ImageNetwork


class ParameterAverage:
    """An exponential moving average of parameters.

    In the first updates it forgets faster, so that it does not remember how the network began.
    """

    def __init__(self, network: ImageNetwork, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(requires_grad=False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: ImageNetwork, updates: int) -> None:
        """Move towards the parameters of `network` after so many updates."""
        decay = min(self._decay, (1 + updates) / (10 + updates))
        for mean, new in zip(self.network.parameters(), network.parameters(), strict=True):
            mean.lerp_(new, 1 - decay)

    @torch.no_grad()
    def copy_statistics(self, network: ImageNetwork) -> None:
        """Take the batch norm statistics of `network`."""
        for mean, new in zip(self.network.buffers(), network.buffers(), strict=True):
            mean.copy_(new)
