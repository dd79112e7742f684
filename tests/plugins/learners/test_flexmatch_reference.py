"""`flexmatch` trains as a plain torch script of the published algorithm, from the same first weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nextlabel.contracts import Targets, Training
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.plugins.parameters import validate
from nextlabel_plugins.learners.flexmatch import FlexMatch, FlexMatchParameters
from nextlabel_plugins.networks.architectures.factory import build_network
from nextlabel_plugins.networks.architectures.network import Shape
from nextlabel_plugins.networks.inference.image_model import ImageModel
from nextlabel_plugins.networks.training import hardware, train_flexmatch

LABELLED, UNLABELLED, SIDE, CLASSES, FILTERS, BATCH, MU, UPDATES = 24, 96, 8, 4, 4, 8, 3, 20
LEARNING_RATE, WEIGHT_DECAY, EMA, THRESHOLD = 0.03, 0.01, 0.6, 0.5
SEED = 5

rng = np.random.default_rng(0)
ROWS = LABELLED + UNLABELLED
TRUTH = np.arange(ROWS) % CLASSES
IMAGES = rng.integers(0, 200, (ROWS, SIDE, SIDE, 3), np.uint8)
IMAGES[np.arange(ROWS), :, :, TRUTH % 3] += (20 + 10 * TRUTH)[:, None, None].astype(np.uint8)


class Mirrored:
    """A strong view that draws no random numbers."""

    def __init__(self, *_: object) -> None:
        pass

    def __call__(self, images: Tensor) -> Tensor:
        return images.flip(3)


def train(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Return the weights and the batch norm statistics that the learner trains."""
    monkeypatch.setattr(hardware, "native_bfloat16", lambda: False)
    monkeypatch.setitem(train_flexmatch.AUGMENTATIONS, "ctaugment", Mirrored)  # type: ignore[arg-type]
    settings = {
        "filters": FILTERS, "steps": UPDATES, "epoch_steps": UPDATES, "batch_size": BATCH, "mu": MU,
        "learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY, "ema_decay": EMA, "threshold": THRESHOLD,
        "shift": 0.0, "flip": False,
    }  # fmt: skip
    sets = np.eye(CLASSES, dtype=np.bool_)[TRUTH] | (np.arange(ROWS) >= LABELLED)[:, None]
    learner = FlexMatch(validate(FlexMatchParameters, settings, "[learner]"))
    model = learner.fit(PixelItems(IMAGES), Targets(candidates=sets), Training(SEED))
    assert isinstance(model, ImageModel)
    return tensors(model.network)


def tensors(network: nn.Module) -> list[Tensor]:
    """Return the weights, and the statistics of the batch norms."""
    statistics = [tensor for name, tensor in network.named_buffers() if "running" in name]
    return [*(weight.detach() for weight in network.parameters()), *statistics]


def script(
    *,
    cosine: float = 7 / 16,
    nesterov: bool = True,
    decay_all: bool = False,
    ema: float = EMA,
    mask: bool = True,
    mean_over_accepted: bool = False,
    live_statistics: bool = True,
    mapped: bool = True,
) -> list[Tensor]:
    """Train with torch alone, as published but for what docs/cifar10-flexmatch.md states; options change it."""
    torch.manual_seed(SEED)
    net = build_network(Shape(SIDE, SIDE, 3, CLASSES, FILTERS, 0.0, "wideresnet")).train()
    x = torch.tensor(IMAGES).permute(0, 3, 1, 2).float()
    x = (x - x.mean(dim=(0, 2, 3), keepdim=True)) / x.std(dim=(0, 2, 3), keepdim=True, correction=0)
    y, x_u = torch.tensor(TRUTH), x[LABELLED:]
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    first_statistics = [tensor.clone() for tensor in tensors(net)]
    average = [weight.detach().clone() for weight in net.parameters()]
    groups = [
        {"params": [w for w in net.parameters() if w.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [w for w in net.parameters() if w.ndim == 1], "weight_decay": WEIGHT_DECAY if decay_all else 0.0},
    ]
    sgd = torch.optim.SGD(groups, LEARNING_RATE, momentum=0.9, nesterov=nesterov)
    fall = torch.optim.lr_scheduler.LambdaLR(sgd, lambda k: math.cos(cosine * math.pi * k / UPDATES))
    copies = math.ceil(UPDATES * BATCH / LABELLED)
    order = (torch.randperm(copies * LABELLED) % LABELLED).split(BATCH)
    last = torch.full((UNLABELLED,), -1)
    for k in range(UPDATES):
        if k % (UNLABELLED // (MU * BATCH)) == 0:
            passes = iter(torch.randperm(UNLABELLED).split(MU * BATCH))
        rows, chosen = order[k], next(passes)
        for norm in norms:
            norm.momentum = max(0.001, 1 / (k + 1))
        logits = net(torch.cat([x[rows], x_u[chosen], x_u[chosen].flip(3)]))
        labelled, weak, strong = logits.split([BATCH, MU * BATCH, MU * BATCH])
        counts = torch.tensor([int((last == c).sum()) for c in range(-1, CLASSES)])
        share = counts[1:] / counts.max()
        confidence, pseudo = weak.detach().softmax(dim=1).max(dim=1)
        thresholds = THRESHOLD * (share / (2 - share) if mapped else torch.ones(CLASSES))
        accepted = (confidence >= thresholds[pseudo]).float() if mask else torch.ones(MU * BATCH)
        certain = confidence >= THRESHOLD
        last[chosen[certain]] = pseudo[certain]
        losses = functional.cross_entropy(strong, pseudo, reduction="none") * accepted
        unlabelled = losses.sum() / (accepted.sum().clamp(min=1) if mean_over_accepted else MU * BATCH)
        loss = functional.cross_entropy(labelled, y[rows]) + unlabelled
        sgd.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        sgd.step()
        fall.step()
        decay = min(ema, (1 + k) / (10 + k))
        average = [decay * a + (1 - decay) * w.detach() for a, w in zip(average, net.parameters(), strict=True)]
    statistics = tensors(net) if live_statistics else first_statistics
    return [*average, *statistics[len(average) :]]


def difference(first: list[Tensor], second: list[Tensor]) -> float:
    """Return the largest difference of two numbers at the same place."""
    return max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))


def test_twenty_updates_equal_those_of_a_plain_script(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = train(monkeypatch)
    assert difference(trained, script()) < 1e-4
    changes: list[dict[str, Any]] = [
        {"cosine": 1 / 2},
        {"nesterov": False},
        {"decay_all": True},
        {"ema": 0.9},
        {"mask": False},
        {"mean_over_accepted": True},
        {"live_statistics": False},
        {"mapped": False},
    ]
    for change in changes:
        assert difference(trained, script(**change)) > 1e-3, change
