"""The training loop of `cnn`: trains a network on candidate sets, from scratch or from an earlier one."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from nextlabel_plugins.networks.architectures.factory import build_network
from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape
from nextlabel_plugins.networks.training.augment import RandomAffine
from nextlabel_plugins.networks.training.batches import batches
from nextlabel_plugins.networks.training.hardware import (
    forward,
    preserve_rng_state,
    reported_precision,
    training_device,
)
from nextlabel_plugins.networks.training.loss_meter import LossMeter
from nextlabel_plugins.networks.training.losses import candidate_loss
from nextlabel_plugins.networks.training.malloc import keep_freed_memory
from nextlabel_plugins.networks.training.optimizer_state import OptimizerState, load_optimizer_state, optimizer_state


@dataclass(frozen=True)
class CNNConfig:
    """Settings of one training."""

    epochs: int
    """Passes over the data."""
    min_steps: int
    """Minimum number of updates, even with little data."""
    batch_size: int
    learning_rate: float
    """With `cosine`, the peak: it is reached after a tenth of the updates, then the rate falls to zero."""
    weight_decay: float
    label_smoothing: float
    weight_averaging: float
    """Share of the updates, at the end, whose weights are averaged; 0: only the last."""
    schedule: Literal["cosine", "constant"] = "cosine"
    input_scaling: Literal["standardise", "minus-one-to-one"] = "standardise"

    def updates(self, rows: int) -> int:
        """Return the number of updates for `rows` items."""
        return max(self.min_steps, self.epochs * math.ceil(rows / self.batch_size))


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network, in evaluation mode on the CPU, and the state to go on from."""

    network: ImageNetwork
    optimizer: OptimizerState


def train_cnn(
    shape: Shape,
    images: Tensor,
    candidates: Tensor,
    augment: RandomAffine,
    config: CNNConfig,
    seed: int,
    progress: Callable[[float, Mapping[str, float]], None],
    start: TrainedNetwork | None = None,
) -> TrainedNetwork:
    """Train a new network, or a copy of `start`, on `images` (n, c, h, w) uint8 with `candidates` (n, C) bool.

    With a `start`, its inputs stay scaled as they were, and its optimizer goes on. Uses a GPU if
    there is one and returns the network on the CPU. On the CPU, the same seed and number of threads
    give the same weights. The state of torch's generators does not change.
    """
    keep_freed_memory()
    device = training_device()
    progress(0.0, reported_precision(device))
    with preserve_rng_state(device):
        torch.manual_seed(seed)
        if start is not None:
            network = copy.deepcopy(start.network)
        else:
            network = build_network(shape)
            if config.input_scaling == "standardise":
                network.fit_input_statistics(images, lambda: progress(0.0, {}))
            else:
                network.scale_inputs_symmetrically()
        network = network.to(device).to(memory_format=torch.channels_last).train()
        # a fused optimizer updates in one pass over the weights, of which `mnist-net` has a million; `convnet` has a
        # tenth, and other rounding would change the figures in the documentation and the bundled checkpoints
        optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True if shape.kind == "mnist-net" else None,
        )
        if start is not None:
            load_optimizer_state(optimizer, network, start.optimizer)
        trained = _train(network, optimizer, images.to(device), candidates.to(device), augment, config, progress)
        state = optimizer_state(optimizer, network)
        return TrainedNetwork(trained.cpu(), state)


def _train(
    network: ImageNetwork,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    candidates: Tensor,
    augment: RandomAffine,
    config: CNNConfig,
    progress: Callable[[float, Mapping[str, float]], None],
) -> ImageNetwork:
    updates = config.updates(len(images))
    factor = constant if config.schedule == "constant" else cosine
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor(step / updates))
    average = WeightAverage(network)
    last_not_averaged = updates - max(1, int(config.weight_averaging * updates))
    meter = LossMeter(progress, updates, config.epochs)
    for step, rows in enumerate(batches(len(images), config.batch_size, updates), start=1):
        logits = forward(network, augment(images[rows].float()))
        loss = candidate_loss(logits, candidates[rows], config.label_smoothing)
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

    def __init__(self, network: ImageNetwork) -> None:
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


def constant(_done: float) -> float:
    """Return the factor on a learning rate that stays as it is."""
    return 1.0


def cosine(done: float) -> float:
    """Return the factor on the peak learning rate after the share `done` of the updates."""
    warmup = 0.1
    if done < warmup:
        return (done + 1e-3) / warmup
    return 0.5 + 0.5 * math.cos(math.pi * (done - warmup) / (1 - warmup))
