"""The training loop of `proden`: trains a network on candidate sets, with all images in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from nextlabel_plugins.networks.architectures.factory import build_network
from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape
from nextlabel_plugins.networks.training.batches import RandomBatches
from nextlabel_plugins.networks.training.hardware import (
    forward,
    preserve_rng_state,
    reported_precision,
    training_device,
)
from nextlabel_plugins.networks.training.in_memory import InMemoryImages
from nextlabel_plugins.networks.training.layer_reports import layer_reports
from nextlabel_plugins.networks.training.loss_meter import LossMeter
from nextlabel_plugins.networks.training.malloc import keep_freed_memory
from nextlabel_plugins.networks.training.optimizers import SGDConfig, make_optimizer
from nextlabel_plugins.networks.training.progressive_resize import view_size
from nextlabel_plugins.networks.training.resume import ResumeFile
from nextlabel_plugins.networks.training.soft_targets import SoftTargets, softmax_over_candidates

PREDICTION_BATCH = 500
"""Images per forward pass without gradients."""
WHITENING_EPOCHS = 3
"""Epochs in which the whitening's bias is trained."""


@dataclass(frozen=True)
class ProdenConfig:
    """Settings of one training."""

    epochs: int
    """Passes over the data."""
    min_steps: int
    """Minimum number of updates, even with little data."""
    batch_size: int
    """Views per update; never more than a quarter of the items, or 64."""
    learning_rate: float
    weight_decay: float
    """Weight decay, for networks that SGD trains alone."""
    shift: int
    """Largest shift of a view in pixels."""
    flip: bool
    """Whether views are flipped left to right every other epoch."""
    progressive_resize: bool
    """Whether views start at three quarters of the side and grow, so that early epochs cost half."""
    target_momentum: float
    """Weight of an item's old targets when they are re-estimated."""
    delayed_targets: bool
    """Whether an update learns from the targets of the items' previous visit."""
    consistency: bool
    """Whether an update has two views of each item, which share their combined targets."""
    sgd: SGDConfig = field(default_factory=SGDConfig)
    """Settings of SGD, for networks that it trains alone."""


@dataclass(frozen=True)
class TrainingData:
    """Training images (n, h, w, c) uint8 with their `candidates` (n, C) bool."""

    images: Tensor
    candidates: Tensor


def train_proden(
    shape: Shape,
    data: TrainingData,
    config: ProdenConfig,
    seed: int,
    progress: Callable[[float, Mapping[str, float]], None],
    start: ImageNetwork | None = None,
    folder: Path | None = None,
) -> ImageNetwork:
    """Train a new network, or a copy of `start`, on `data`.

    Uses a GPU if there is one and returns the network on the CPU. On the CPU, the same seed and
    number of threads give the same weights. The state of torch's generators does not change. A training
    that was killed goes on from what it saved in `folder`.
    """
    keep_freed_memory()
    device = training_device()
    progress(0.0, reported_precision(device))
    with preserve_rng_state(device):
        torch.manual_seed(seed)
        if start is None:
            network = build_network(shape).train()
            network.fit_input_statistics(data.images.permute(0, 3, 1, 2), lambda: progress(0.0, {}))
        else:
            # keep its statistics, in evaluation mode: a few new items would estimate them worse
            network = copy.deepcopy(start).eval()
        on_device = TrainingData(data.images.to(device), data.candidates.to(device))
        return _train(network.to(device), on_device, config, progress, folder).cpu()


def _train(
    network: ImageNetwork,
    data: TrainingData,
    config: ProdenConfig,
    progress: Callable[[float, Mapping[str, float]], None],
    folder: Path | None,
) -> ImageNetwork:
    # the items of a batch and the positions of their views are always drawn on the CPU
    rows = len(data.images)
    size = min(config.batch_size, max(64, rows // 4))  # with few labels, smaller batches instead of repeated items
    view_count = 2 if config.consistency else 1
    size = max(2, size) // view_count  # batch norm needs at least two views
    order = RandomBatches(rows, size)
    size = order.size
    updates = max(config.min_steps, round(config.epochs * max(1.0, rows / size)))
    network = network.to(memory_format=torch.channels_last)
    images = InMemoryImages(data.images, config.shift, flip=config.flip)
    targets = SoftTargets(data.candidates, config.target_momentum)
    whitening_share = min(1.0, WHITENING_EPOCHS * rows / size / updates)
    optimizer = make_optimizer(
        network, config.learning_rate, config.weight_decay, size * view_count, whitening_share, config.sgd
    )
    meter = LossMeter(progress, updates, config.epochs)
    file = ResumeFile(
        folder,
        {"network": network, "optimizer": optimizer, "order": order, "targets": targets.weights, "meter": meter},
    )
    first = step = file.load()
    with layer_reports(network, lambda: progress(step / updates, {})):
        if first == 0 and not network.training and (config.delayed_targets or config.target_momentum):
            # better than uniform targets before the first visit
            targets.weights.copy_(_predicted_targets(network, data))
        for step in range(first, updates):
            chosen = order.draw()
            done = step / updates
            side = view_size(network.shape, done) if config.progressive_resize else None
            epoch = step * size // rows if size <= rows else step
            # the views of an item differ in their flip, as those of successive epochs do
            views = torch.cat([images.views(chosen, epoch + view, side) for view in range(view_count)])
            logits = forward(network, views).unflatten(0, (view_count, -1))  # type: ignore[no-untyped-call]
            previous, current = targets.weights[chosen], targets.update(chosen, logits.detach())
            loss = targets.loss(chosen, logits, previous if config.delayed_targets else current)
            network.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step(done)
            meter.add(loss)
            file.save_if_due(step + 1)
    return network.eval()


@torch.no_grad()
def _predicted_targets(network: ImageNetwork, data: TrainingData) -> Tensor:
    """Return the targets (n, C) that a trained network predicts for the items."""
    targets = []
    for start in range(0, len(data.images), PREDICTION_BATCH):
        batch = slice(start, start + PREDICTION_BATCH)
        logits = forward(network, data.images[batch].permute(0, 3, 1, 2))
        targets.append(softmax_over_candidates(logits, data.candidates[batch]))
    return torch.cat(targets)
