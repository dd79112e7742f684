"""Training a network on candidate sets by progressive identification, from memory, without per-item work."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nextlabel_plugins.networks.batches import batches
from nextlabel_plugins.networks.descent import descent
from nextlabel_plugins.networks.hardware import own_randomness, training_device, training_precision
from nextlabel_plugins.networks.kinds import make
from nextlabel_plugins.networks.memory import keep_memory
from nextlabel_plugins.networks.network import ImageNetwork, Shape
from nextlabel_plugins.networks.reporting import Losses
from nextlabel_plugins.networks.resident import Resident
from nextlabel_plugins.networks.soft_targets import SoftTargets, restricted

REPORTS = 50
"""How often progress is told."""
SMALLEST = 16
"""Side below which views do not grow: three quarters of it may be too small for the network."""
BLOCK = 1000
"""Images at once where nothing is learnt."""
OPENING = 3
"""Epochs in which the whitening's bias is trained."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained."""

    epochs: int
    """Passes over the data."""
    steps: int
    """Fewest updates, however little data there is."""
    batch: int
    """Views an update; a quarter of the items at most, or 64."""
    rate: float
    decay: float
    """Weight decay, where SGD trains all."""
    shift: int
    """Views: pixels, either way."""
    flip: bool
    """Views: mirrored every other epoch."""
    growth: bool
    """Views start at three quarters of the side and grow: early epochs cost half."""
    momentum: float
    """Share of an item's old targets that is kept when they are re-estimated."""
    delay: bool
    """Learn from the targets of an item's last visit, and re-estimate them for the next."""
    consistency: bool
    """Two views of each item in an update, whose targets are what both say together."""


@dataclass(frozen=True)
class Data:
    """What is learnt from: `images` (n, h, w, c) uint8 and `candidates` (n, C) bool."""

    images: Tensor
    candidates: Tensor


def train(
    shape: Shape,
    data: Data,
    recipe: Recipe,
    seed: int,
    progress: Callable[[float, Mapping[str, float]], None],
    start: ImageNetwork | None = None,
) -> ImageNetwork:
    """Train a new network, or a copy of `start`, on `data`.

    On a GPU where there is one; the network comes back from it. The same seed and thread count
    give the same weights on the processor, and torch's own generators are left as they were.
    """
    keep_memory()
    device = training_device()
    with own_randomness(device):
        torch.manual_seed(seed)
        if start is None:
            network = make(shape).train()
            network.standardise(data.images.permute(0, 3, 1, 2))
        else:
            # what it was trained on told more of the statistics than a few new items can
            network = copy.deepcopy(start).eval()
        given = Data(data.images.to(device), data.candidates.to(device))
        return _train(network.to(device), given, recipe, progress).cpu()


def _train(
    network: ImageNetwork, data: Data, recipe: Recipe, progress: Callable[[float, Mapping[str, float]], None]
) -> ImageNetwork:
    # which items an update takes, and where their views are cut out, is drawn by the processor
    rows = len(data.images)
    size = min(recipe.batch, max(64, rows // 4))  # few labels: smaller batches, not the same items over and over
    seen = 2 if recipe.consistency else 1
    size = max(2, size) // seen  # a batch of one cannot be normalised
    size = min(size, rows * max(1, size // rows))  # what `batches` yields
    updates = max(recipe.steps, round(recipe.epochs * max(1.0, rows / size)))
    network = network.to(memory_format=torch.channels_last)
    resident = Resident(data.images, recipe.shift, flip=recipe.flip)
    targets = SoftTargets(data.candidates, recipe.momentum)
    if not network.training and (recipe.delay or recipe.momentum):
        targets.weights = _told(network, data)  # of no last visit there is an estimate yet, but there is a model
    updater = descent(network, recipe.rate, recipe.decay, size * seen, min(1.0, OPENING * rows / size / updates))
    losses = Losses(progress, updates, REPORTS)
    for step, chosen in enumerate(batches(rows, size, updates)):
        done = step / updates
        side = _grown(network.shape, done) if recipe.growth else None
        epoch = step * size // rows if size <= rows else step
        # views of neighbouring epochs are mirrored differently
        views = torch.cat([resident.views(chosen, epoch + view, side) for view in range(seen)])
        with training_precision(views.device):
            logits = network(views.float().contiguous(memory_format=torch.channels_last))
        logits = logits.float().unflatten(0, (seen, -1))
        before, now = targets.weights[chosen], targets.update(chosen, logits.detach())
        loss = targets.loss(chosen, logits, before if recipe.delay else now)
        network.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        updater.step(done)
        losses.add(loss)
    return network.eval()


@torch.no_grad()
def _told(network: ImageNetwork, data: Data) -> Tensor:
    """Return the targets (n, C) that a trained network gives the items."""
    told = []
    for start in range(0, len(data.images), BLOCK):
        block = slice(start, start + BLOCK)
        views = data.images[block].permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
        with training_precision(views.device):
            logits = network(views)
        told.append(restricted(logits.float(), data.candidates[block]))
    return torch.cat(told)


def _grown(shape: Shape, done: float) -> tuple[int, int]:
    """Return the (height, width) of the views after the share `done` of the training."""
    if min(shape.height, shape.width) < SMALLEST:
        return shape.height, shape.width
    share = 0.75 if done < 0.5 else 0.875 if done < 0.8 else 1.0  # noqa: PLR2004 - half at 9/16 of the work, and so on
    return math.ceil(shape.height * share), math.ceil(shape.width * share)
