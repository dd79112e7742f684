"""Training a network on candidate sets, from scratch."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nextlabel_plugins.networks.augment import Views
from nextlabel_plugins.networks.batches import batches
from nextlabel_plugins.networks.candidates import candidate_loss
from nextlabel_plugins.networks.convnet import ConvNet
from nextlabel_plugins.networks.hardware import own_randomness, training_device, training_precision
from nextlabel_plugins.networks.network import Shape
from nextlabel_plugins.networks.reporting import Losses

REPORTS = 20
"""How often progress is told."""


@dataclass(frozen=True)
class Schedule:
    """How a network is trained."""

    epochs: int
    """Passes over the data."""
    steps: int
    """Fewest updates, however little data there is."""
    batch: int
    rate: float
    """Highest learning rate; reached after a tenth of the updates, then falling to zero as a cosine."""
    decay: float
    """Weight decay."""
    smoothing: float
    """Label smoothing."""
    average: float
    """Share of the last updates whose weights are averaged."""

    def updates(self, rows: int) -> int:
        """Return how many updates `rows` rows of data get."""
        return max(self.steps, self.epochs * math.ceil(rows / self.batch))


def train(
    shape: Shape,
    images: Tensor,
    candidates: Tensor,
    views: Views,
    schedule: Schedule,
    seed: int,
    progress: Callable[[float, Mapping[str, float]], None],
) -> ConvNet:
    """Train a new network on `images` (n, c, h, w) uint8 with `candidates` (n, C) bool.

    On a GPU where there is one; the network comes back from it. The same seed and thread count
    give the same weights on the processor, and torch's own generators are left as they were.
    """
    device = training_device()
    with own_randomness(device):
        torch.manual_seed(seed)
        network = ConvNet(shape)
        network.standardise(images)
        trained = _train(network.to(device), images.to(device), candidates.to(device), views, schedule, progress)
        return trained.cpu()


def _train(
    network: ConvNet,
    images: Tensor,
    candidates: Tensor,
    views: Views,
    schedule: Schedule,
    progress: Callable[[float, Mapping[str, float]], None],
) -> ConvNet:
    updates = schedule.updates(len(images))
    network = network.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=schedule.rate, weight_decay=schedule.decay)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / updates))
    averaged = Average(network)
    first_averaged = updates - max(1, int(schedule.average * updates))
    losses = Losses(progress, updates, REPORTS)
    for step, rows in enumerate(batches(len(images), schedule.batch, updates), start=1):
        batch = views(images[rows].float()).contiguous(memory_format=torch.channels_last)
        with training_precision(batch.device):
            logits = network(batch)
        loss = candidate_loss(logits.float(), candidates[rows], schedule.smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        rates.step()
        losses.add(loss)
        if step > first_averaged:
            averaged.add(network)
    return averaged.network.eval()


class Average:
    """The running mean of a network's weights and statistics."""

    def __init__(self, network: ConvNet) -> None:
        self.network = copy.deepcopy(network)
        self.count = 0

    @torch.no_grad()
    def add(self, network: nn.Module) -> None:
        """Take in the weights `network` has now."""
        self.count += 1
        for mine, new in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(new, 1 / self.count)
            else:
                mine.copy_(new)


def _rate(done: float) -> float:
    """Return the share of the highest rate after the share `done` of the updates."""
    warm = 0.1
    return (done + 1e-3) / warm if done < warm else 0.5 + 0.5 * math.cos(math.pi * (done - warm) / (1 - warm))
