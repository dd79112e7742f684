"""The training loops of `autoencoder`: an encoder that learns to reconstruct images, then to classify them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextlabel_plugins.networks.architectures.factory import build_network
from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape
from nextlabel_plugins.networks.training.batches import batches
from nextlabel_plugins.networks.training.hardware import preserve_rng_state, training_device
from nextlabel_plugins.networks.training.loss_meter import LossMeter
from nextlabel_plugins.networks.training.losses import candidate_loss

Progress = Callable[[float, Mapping[str, float]], None]


@dataclass(frozen=True)
class AutoencoderConfig:
    """Settings of one training."""

    pretrain_epochs: int
    pretrain_batch_size: int
    epochs: int
    """Passes over the labelled images, after the pre-training."""
    min_steps: int
    """Minimum number of updates with the labels, even if they are few."""
    batch_size: int
    learning_rate: float


def train_autoencoder(
    shape: Shape,
    unlabelled: Tensor,
    images: Tensor,
    candidates: Tensor,
    config: AutoencoderConfig,
    seed: int,
    progress: Progress,
) -> ImageNetwork:
    """Train a new network on `unlabelled` (m, c, h, w), then on `images` (n, c, h, w) with `candidates` (n, C) bool.

    Both are uint8. The updates and the epochs of the two parts are numbered in one sequence. Uses a GPU if there
    is one and returns the network on the CPU. On the CPU, the same seed and number of threads give the same weights.
    The state of torch's generators does not change.
    """
    device = training_device()
    progress(0.0, {"bits": 32.0})
    first, second = config.pretrain_epochs * len(unlabelled), config.epochs * len(images)
    share = first / (first + second)
    before = {"epoch": config.pretrain_epochs, "step": _pretrain_updates(config, len(unlabelled))}

    def fine_tuning(done: float, metrics: Mapping[str, float]) -> None:
        progress(share + done * (1 - share), {name: value + before.get(name, 0) for name, value in metrics.items()})

    with preserve_rng_state(device):
        torch.manual_seed(seed)
        network = build_network(shape).to(device).train()
        if first:
            pretrain(network, unlabelled.to(device), config, lambda done, metrics: progress(done * share, metrics))
        _fine_tune(network, images.to(device), candidates.to(device), config, fine_tuning)
        return network.cpu().eval()


def pretrain(network: ImageNetwork, images: Tensor, config: AutoencoderConfig, progress: Progress) -> nn.Linear:
    """Train the embedding to reconstruct `images` (n, c, h, w) uint8; return the decoder.

    Its outputs (b, c h w) are the logits of the pixels, 0..1. The loss is the binary cross-entropy, averaged over
    the pixels.
    """
    decoder = nn.Linear(network.embedding, images[0].numel()).to(images.device)
    optimizer = torch.optim.Adam(
        chain(network.trunk.parameters(), decoder.parameters()), lr=config.learning_rate, fused=True
    )
    updates = _pretrain_updates(config, len(images))
    meter = LossMeter(progress, updates, config.pretrain_epochs)
    for rows in batches(len(images), config.pretrain_batch_size, updates):
        batch = images[rows].float()
        logits = decoder(network.embed(batch))
        _update(optimizer, meter, functional.binary_cross_entropy_with_logits(logits, batch.flatten(1) / 255))
    return decoder


def _pretrain_updates(config: AutoencoderConfig, images: int) -> int:
    return config.pretrain_epochs * math.ceil(images / config.pretrain_batch_size)


def _fine_tune(
    network: ImageNetwork, images: Tensor, candidates: Tensor, config: AutoencoderConfig, progress: Progress
) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=True)
    updates = max(config.min_steps, config.epochs * math.ceil(len(images) / config.batch_size))
    meter = LossMeter(progress, updates, config.epochs)
    for rows in batches(len(images), config.batch_size, updates):
        _update(optimizer, meter, candidate_loss(network(images[rows].float()), candidates[rows]))


def _update(optimizer: torch.optim.Optimizer, meter: LossMeter, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    meter.add(loss)
