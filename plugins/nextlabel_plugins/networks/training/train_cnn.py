"""The training loop of `cnn`: trains a network on candidate sets from scratch."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nextlabel_plugins.networks.architectures.convnet import ConvNet
from nextlabel_plugins.networks.architectures.network import Shape
from nextlabel_plugins.networks.training.augment import RandomAffine
from nextlabel_plugins.networks.training.batches import batches
from nextlabel_plugins.networks.training.hardware import preserve_rng_state, training_device, training_precision
from nextlabel_plugins.networks.training.loss_meter import LossMeter
from nextlabel_plugins.networks.training.losses import candidate_loss

REPORTS = 20
"""Number of progress reports per training."""


@dataclass(frozen=True)
class CNNConfig:
    """Settings of one training."""

    epochs: int
    """Passes over the data."""
    min_steps: int
    """Minimum number of updates, even with little data."""
    batch_size: int
    learning_rate: float
    """Peak learning rate, reached after a tenth of the updates; then it falls to zero along a cosine."""
    weight_decay: float
    label_smoothing: float
    weight_averaging: float
    """Share of the updates, at the end, whose weights are averaged."""

    def updates(self, rows: int) -> int:
        """Return the number of updates for `rows` items."""
        return max(self.min_steps, self.epochs * math.ceil(rows / self.batch_size))


def train_cnn(
    shape: Shape,
    images: Tensor,
    candidates: Tensor,
    augment: RandomAffine,
    config: CNNConfig,
    seed: int,
    progress: Callable[[float, Mapping[str, float]], None],
) -> ConvNet:
    """Train a new network on `images` (n, c, h, w) uint8 with `candidates` (n, C) bool.

    Uses a GPU if there is one and returns the network on the CPU. On the CPU, the same seed and
    number of threads give the same weights. The state of torch's generators does not change.
    """
    device = training_device()
    with preserve_rng_state(device):
        torch.manual_seed(seed)
        network = ConvNet(shape)
        network.fit_input_statistics(images)
        trained = _train(network.to(device), images.to(device), candidates.to(device), augment, config, progress)
        return trained.cpu()


def _train(
    network: ConvNet,
    images: Tensor,
    candidates: Tensor,
    augment: RandomAffine,
    config: CNNConfig,
    progress: Callable[[float, Mapping[str, float]], None],
) -> ConvNet:
    updates = config.updates(len(images))
    network = network.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate_factor(step / updates))
    average = WeightAverage(network)
    last_not_averaged = updates - max(1, int(config.weight_averaging * updates))
    meter = LossMeter(progress, updates, REPORTS)
    for step, rows in enumerate(batches(len(images), config.batch_size, updates), start=1):
        batch = augment(images[rows].float()).contiguous(memory_format=torch.channels_last)
        with training_precision(batch.device):
            logits = network(batch)
        loss = candidate_loss(logits.float(), candidates[rows], config.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        scheduler.step()
        meter.add(loss)
        if step > last_not_averaged:
            average.add(network)
    return average.network.eval()


class WeightAverage:
    """The running mean of a network's weights and batch-norm statistics."""

    def __init__(self, network: ConvNet) -> None:
        self.network = copy.deepcopy(network)
        self.count = 0

    @torch.no_grad()
    def add(self, network: nn.Module) -> None:
        """Add the current weights of `network` to the mean."""
        self.count += 1
        for mean, new in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(new, 1 / self.count)
            else:
                mean.copy_(new)


def _rate_factor(done: float) -> float:
    """Return the factor on the peak learning rate after the share `done` of the updates."""
    warmup = 0.1
    if done < warmup:
        return (done + 1e-3) / warmup
    return 0.5 + 0.5 * math.cos(math.pi * (done - warmup) / (1 - warmup))
