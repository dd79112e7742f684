"""The training loop of `pseudo-label`: a network learns from labels and from its own confident predictions."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

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
from nextlabel_plugins.networks.training.soft_targets import softmax_over_candidates
from nextlabel_plugins.networks.training.train_cnn import constant, cosine

PREDICTION_BATCH = 500
"""Images per forward pass without gradients."""


@dataclass(frozen=True)
class PseudoLabelConfig:
    """Settings of one training."""

    epochs: int
    """Passes over the labelled items."""
    supervised_epochs: int
    """Epochs before the first pseudo-labels."""
    min_steps: int
    """Minimum number of updates, even with few labels."""
    batch_size: int
    """Labelled items per update."""
    pseudo_batch_size: int
    """Most items with a pseudo-label per update."""
    threshold: float
    """Smallest probability of a pseudo-label."""
    learning_rate: float
    schedule: Literal["cosine", "constant"]


@dataclass(frozen=True)
class PseudoLabels:
    """Items with a pseudo-label: `rows` (m,), and one class of each as a set, `candidates` (m, C) bool."""

    rows: Tensor
    candidates: Tensor


def train_pseudo_label(
    shape: Shape,
    images: Tensor,
    candidates: Tensor,
    augment: RandomAffine,
    config: PseudoLabelConfig,
    seed: int,
    progress: Callable[[float, Mapping[str, float]], None],
) -> ImageNetwork:
    """Train a new network on `images` (n, c, h, w) uint8 with `candidates` (n, C) bool, all classes if unlabelled.

    Uses a GPU if there is one and returns the network on the CPU. On the CPU, the same seed and number of
    threads give the same weights. The state of torch's generators does not change.
    """
    keep_freed_memory()
    device = training_device()
    progress(0.0, reported_precision(device))
    with preserve_rng_state(device):
        torch.manual_seed(seed)
        network = build_network(shape)
        network.scale_inputs_symmetrically()
        network = network.to(device).to(memory_format=torch.channels_last).train()
        return _train(network, images.to(device), candidates.to(device), augment, config, progress).cpu().eval()


def _train(
    network: ImageNetwork,
    images: Tensor,
    candidates: Tensor,
    augment: RandomAffine,
    config: PseudoLabelConfig,
    progress: Callable[[float, Mapping[str, float]], None],
) -> ImageNetwork:
    labelled = torch.nonzero(~candidates.all(dim=1)).flatten()
    updates = max(config.min_steps, config.epochs * math.ceil(len(labelled) / config.batch_size))
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=True)
    factor = constant if config.schedule == "constant" else cosine
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor(step / updates))
    meter = LossMeter(progress, updates, config.epochs)
    pseudo: Iterator[PseudoLabels] = iter(())
    epoch = 0
    for step, chosen in enumerate(batches(len(labelled), config.batch_size, updates)):
        before, epoch = epoch, step * config.epochs // updates
        if epoch > before and epoch >= config.supervised_epochs:
            report = functools.partial(progress, step / updates, {})  # so that the training can be cancelled
            made = pseudo_labels(network, images, candidates, config.threshold, report)
            pseudo = _batches_of(made, config.pseudo_batch_size, updates - step)
        rows = labelled[chosen]
        targets = candidates[rows]
        if (more := next(pseudo, None)) is not None:
            rows, targets = torch.cat([rows, more.rows]), torch.cat([targets, more.candidates])
        loss = candidate_loss(forward(network, augment(images[rows].float())), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        scheduler.step()
        meter.add(loss)
    return network


@torch.no_grad()
def pseudo_labels(
    network: ImageNetwork, images: Tensor, candidates: Tensor, threshold: float, report: Callable[[], None]
) -> PseudoLabels:
    """Return the items of which one class of their set has at least the probability `threshold` within the set.

    Items with a full label need none. The network predicts without dropout, and the images as they are.
    `report` is called after each batch.
    """
    network.eval()
    rows, classes = [], []
    for batch in torch.split(torch.nonzero(candidates.sum(dim=1) > 1).flatten(), PREDICTION_BATCH):
        logits = forward(network, images[batch])
        probabilities, best = softmax_over_candidates(logits, candidates[batch]).max(dim=1)
        certain = probabilities >= threshold
        rows.append(batch[certain])
        classes.append(best[certain])
        report()
    network.train()
    empty = torch.empty(0, dtype=torch.int64, device=images.device)
    chosen = torch.cat([empty, *classes])
    return PseudoLabels(torch.cat([empty, *rows]), torch.eye(candidates.shape[1]).bool().to(chosen.device)[chosen])


def _batches_of(labels: PseudoLabels, size: int, count: int) -> Iterator[PseudoLabels]:
    """Yield `count` random batches of up to `size`, with each item at most once in a pass; none if there is none."""
    rows = len(labels.rows)
    if rows:
        for chosen in batches(rows, min(size, rows), count):
            yield PseudoLabels(labels.rows[chosen], labels.candidates[chosen])
