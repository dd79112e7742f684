"""The training loop of `flexmatch`: labelled items, and unlabelled ones with pseudo-labels.

A step of the published algorithm has one forward pass, of labelled weak views, unlabelled weak views and unlabelled
strong views. The weak views give the pseudo-labels (`WeakViews`). With an averaged teacher, they come from a table of
predictions that is renewed a part at a time, and only items with an accepted pseudo-label are drawn (`TeacherTable`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from nextlabel_plugins.networks.architectures.airbench import Airbench
from nextlabel_plugins.networks.architectures.factory import build_network
from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape
from nextlabel_plugins.networks.training import curriculum
from nextlabel_plugins.networks.training.batches import RandomBatches
from nextlabel_plugins.networks.training.curriculum import Curriculum
from nextlabel_plugins.networks.training.flexmatch_sgd import FlexMatchSGD
from nextlabel_plugins.networks.training.hardware import (
    forward,
    preserve_rng_state,
    reported_precision,
    training_device,
)
from nextlabel_plugins.networks.training.in_memory import InMemoryImages
from nextlabel_plugins.networks.training.layer_reports import layer_reports
from nextlabel_plugins.networks.training.loss_meter import LossMeter
from nextlabel_plugins.networks.training.losses import candidate_loss
from nextlabel_plugins.networks.training.malloc import keep_freed_memory
from nextlabel_plugins.networks.training.optimizers import AirbenchOptimizer, Optimizer
from nextlabel_plugins.networks.training.parameter_average import ParameterAverage
from nextlabel_plugins.networks.training.progressive_resize import view_size
from nextlabel_plugins.networks.training.resume import ResumeFile, Stateful
from nextlabel_plugins.networks.training.soft_targets import softmax_over_candidates
from nextlabel_plugins.networks.training.strong_augment.ct_augment import CTAugment
from nextlabel_plugins.networks.training.strong_augment.jitter import Jitter
from nextlabel_plugins.networks.training.strong_augment.rand_augment import RandAugment

PREDICTION_BATCH = 500
"""Images per forward pass of the teacher."""
DRAWN_TOGETHER = 50
"""Items that are drawn at a time, until enough have an accepted pseudo-label."""
STATISTICS_BATCHES = 6
"""Batches of that size that the batch norm statistics of an averaged teacher are measured on."""
WHITENING_PASSES = 3
"""Passes over the labelled items in which the whitening's bias is trained."""
AUGMENTATIONS: Mapping[str, type[CTAugment | RandAugment | Jitter]] = {
    "ctaugment": CTAugment,
    "randaugment": RandAugment,
    "jitter": Jitter,
}


@dataclass(frozen=True)
class FlexMatchConfig:
    """Settings of one training; the parameters of `flexmatch` explain them."""

    steps: int
    burn_in_steps: int
    burn_in_batch_size: int
    burn_in_learning_rate: float
    batch_size: int
    mu: int
    learning_rate: float
    weight_decay: float
    ema_decay: float
    unlabelled_weight: float
    threshold: float
    curriculum: curriculum.ThresholdMapping
    threshold_warmup: bool
    expand_labels: bool
    epoch_steps: int
    augment: Literal["ctaugment", "randaugment", "jitter"]
    augment_labelled: bool
    augment_strength: float
    cutout: float
    shift: int
    """Largest shift of a view in pixels."""
    flip: bool
    teacher: Literal["network", "average"]
    refresh: float
    progressive_resize: bool


@dataclass(frozen=True)
class FlexMatchData:
    """Training images (n, h, w, c) uint8 with their `candidates` (n, C) bool, labelled or not."""

    images: Tensor
    candidates: Tensor


def train_flexmatch(
    shape: Shape,
    data: FlexMatchData,
    config: FlexMatchConfig,
    seed: int,
    progress: Callable[[float, Mapping[str, float]], None],
    folder: Path | None = None,
) -> ImageNetwork:
    """Train a network on `data`; return the average of its parameters, in evaluation mode on the CPU.

    Saves its state in `folder` now and then, and goes on from there. Uses a GPU if there is one. On the CPU, the
    same seed and number of threads give the same weights. The state of torch's generators does not change.
    """
    keep_freed_memory()
    device = training_device()
    progress(0.0, reported_precision(device))
    with preserve_rng_state(device):
        torch.manual_seed(seed)
        network = build_network(shape).train()
        network.fit_input_statistics(data.images.permute(0, 3, 1, 2), lambda: progress(0.0, {}))
        network = network.to(device).to(memory_format=torch.channels_last)
        on_device = FlexMatchData(data.images.to(device), data.candidates.to(device))
        return _FlexMatch(network, on_device, config, progress).train(folder).cpu()


class _FlexMatch:
    """One training. Rows and views are always drawn on the CPU."""

    def __init__(
        self,
        network: ImageNetwork,
        data: FlexMatchData,
        config: FlexMatchConfig,
        progress: Callable[[float, Mapping[str, float]], None],
    ) -> None:
        self.network = network
        self.config = config
        self.candidates = data.candidates
        self.images = InMemoryImages(data.images, config.shift, flip=config.flip)
        count = data.candidates.sum(dim=1).cpu()
        self.labelled = torch.nonzero(count < data.candidates.shape[1])[:, 0]
        self.unlabelled = torch.nonzero(count > 1)[:, 0]
        self.average = ParameterAverage(network, config.ema_decay)
        self.augment = AUGMENTATIONS[config.augment](config.augment_strength, config.cutout, network.mean)
        size, copies = config.batch_size, 1
        if config.expand_labels:
            copies = math.ceil(config.epoch_steps * size / len(self.labelled))
        self.batches = RandomBatches(len(self.labelled), size, copies)
        self.burn_in_batches = RandomBatches(len(self.labelled), config.burn_in_batch_size)
        self.source: WeakViews | TeacherTable | None = None
        if config.unlabelled_weight and len(self.unlabelled):
            self.source = (WeakViews if config.teacher == "network" else TeacherTable)(self)
        unlabelled_views = config.mu * size if self.source else 0
        self.optimizer = self._optimizer(config.learning_rate, size + unlabelled_views, size, config.steps)
        size = config.burn_in_batch_size
        self.burn_in_optimizer = self._optimizer(config.burn_in_learning_rate, size, size, config.burn_in_steps)
        self.updates = config.burn_in_steps + config.steps
        self.progress = progress
        self.meter = LossMeter(progress, self.updates, math.ceil(self.updates / config.epoch_steps))
        self.norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d)]
        self.momenta = [norm.momentum or 0.0 for norm in self.norms]

    def _optimizer(self, learning_rate: float, views: int, labelled: int, steps: int) -> Optimizer:
        """Return an optimizer for steps of so many `views`, `labelled` of them labelled."""
        if not isinstance(self.network, Airbench):
            return FlexMatchSGD(self.network, learning_rate, self.config.weight_decay)
        share = WHITENING_PASSES * len(self.labelled) / labelled / max(1, steps)
        return AirbenchOptimizer(self.network, learning_rate, views, min(1.0, share))

    def train(self, folder: Path | None) -> ImageNetwork:
        """Make all updates; return the averaged network."""
        parts: dict[str, Stateful] = {
            "network": self.network,
            "average": self.average.network,
            "optimizer": self.optimizer,
            "burn_in_optimizer": self.burn_in_optimizer,
            "batches": self.batches,
            "burn_in_batches": self.burn_in_batches,
            "meter": self.meter,
        }
        if isinstance(self.augment, CTAugment):
            parts["augment"] = self.augment
        if self.source:
            parts["source"] = self.source
        file = ResumeFile(folder, parts)
        first = done = file.load()

        def report() -> None:
            self.progress(done / self.updates, {})

        with layer_reports(self.network, report), layer_reports(self.average.network, report):
            for done in range(first, self.updates):
                for norm, momentum in zip(self.norms, self.momenta, strict=True):
                    norm.momentum = max(momentum, 1 / (done + 1))  # the first statistics must not last
                loss = self._update(done)
                self.average.update(self.network, done)
                self.meter.add(loss)
                file.save_if_due(done + 1)
            done = self.updates
            if self.config.teacher == "average":
                self._measure_statistics()
            else:
                self.average.copy_statistics(self.network)
        return self.average.network.eval()

    def _update(self, update: int) -> Tensor:
        """Update the network once; return the loss."""
        config = self.config
        if update < config.burn_in_steps:
            done, batches, optimizer = update / config.burn_in_steps, self.burn_in_batches, self.burn_in_optimizer
        else:
            done, batches, optimizer = (update - config.burn_in_steps) / config.steps, self.batches, self.optimizer
        if update == config.burn_in_steps:
            if isinstance(self.network, Airbench):
                assert self.network.whitening.bias is not None
                self.network.whitening.bias.requires_grad_()  # the burn-in has frozen it
            if self.source:
                self.source.start()
        size = view_size(self.network.shape, done) if config.progressive_resize else None
        rows = self.labelled[batches.draw()]
        # copies of an image, in a batch or in the few batches after it, need flips of their own
        repeated = config.expand_labels or batches.size > len(self.labelled)
        epoch = None if repeated else update * batches.size // len(self.labelled)
        views = self.images.views(rows, epoch, size).float()
        if config.augment_labelled:
            views = self.augment(views)
        if self.source and update >= config.burn_in_steps:
            loss = self.source.loss(rows, views, size)
        else:
            loss = candidate_loss(forward(self.network, views), self.candidates[rows.to(views.device)])
        self.network.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step(done)
        if isinstance(self.augment, CTAugment) and (self.source or config.augment_labelled):
            self._learn_augmentation(self.augment, rows)
        return loss

    def joined(self, labelled: Tensor, unlabelled: Tensor) -> Tensor:
        """Return the loss of a step; for `fast`, whose learning rates are those of a mean over all views, a mean."""
        weight = self.config.unlabelled_weight
        loss = labelled + weight * unlabelled
        return loss / (1 + weight) if isinstance(self.network, Airbench) else loss

    @torch.no_grad()
    def teach(self, rows: Tensor, views: Tensor) -> Tensor:
        """Return the averaged network's probabilities (b, C) of views of `rows`, over their candidates.

        It normalises by the statistics of these views, which are weak ones alone.
        """
        logits = forward(self.average.network.train(), views)
        return softmax_over_candidates(logits, self.candidates[rows.to(views.device)]).cpu()

    @torch.no_grad()
    def _learn_augmentation(self, augment: CTAugment, rows: Tensor) -> None:
        """Show the averaged network changed views of labelled items, and compare with their labels."""
        probe = augment.probe(self.images.views(rows, None).float())
        self.average.copy_statistics(self.network)
        logits = forward(self.average.network.eval(), probe.views)
        candidates = self.candidates[rows.to(logits.device)]
        augment.learn(probe, (logits.softmax(dim=1) * candidates).sum(dim=1).cpu())

    @torch.no_grad()
    def _measure_statistics(self) -> None:
        """Measure the averaged network's batch norm statistics on weak views."""
        network = self.average.network.train()
        for norm in network.modules():
            if isinstance(norm, nn.BatchNorm2d | nn.BatchNorm1d):
                norm.reset_running_stats()
                norm.momentum = None  # the mean over all batches
        order = RandomBatches(len(self.candidates), PREDICTION_BATCH)
        for number in range(STATISTICS_BATCHES):
            forward(network, self.images.views(order.draw(), number))


class WeakViews:
    """Pseudo-labels from weak views of the same step, as published."""

    def __init__(self, training: _FlexMatch) -> None:
        self._training = training
        config, rows = training.config, len(training.unlabelled)
        self._batches = RandomBatches(rows, config.batch_size * config.mu)
        self._curriculum = Curriculum(
            rows, training.candidates.shape[1], config.threshold, config.curriculum, warmup=config.threshold_warmup
        )

    def start(self) -> None:
        """Do nothing: each step brings its own pseudo-labels."""

    def loss(self, labelled: Tensor, labelled_views: Tensor, size: tuple[int, int] | None) -> Tensor:
        """Return the loss of a step with these `labelled` rows (b,) and their views."""
        training = self._training
        chosen = self._batches.draw()
        rows = training.unlabelled[chosen]
        weak = training.images.views(rows, None, size).float()
        strong = training.augment(training.images.views(rows, None, size).float())
        logits = forward(training.network, torch.cat([labelled_views, weak, strong]))
        of_labelled, of_weak, of_strong = torch.split(logits, [len(labelled), len(rows), len(rows)])
        candidates = training.candidates[rows.to(logits.device)]
        probabilities = softmax_over_candidates(of_weak.detach(), candidates).cpu()
        confidence, pseudo_labels = probabilities.max(dim=1)
        accepted = confidence >= self._curriculum.thresholds()[pseudo_labels]
        self._curriculum.update(chosen, probabilities)
        losses = nn.functional.cross_entropy(of_strong, pseudo_labels.to(logits.device), reduction="none")
        supervised = candidate_loss(of_labelled, training.candidates[labelled.to(logits.device)])
        return training.joined(supervised, (losses * accepted.to(logits.device)).mean())

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """Return the order of the items and their pseudo-labels, for `ResumeFile`."""
        return {"batches": self._batches.state_dict(), "curriculum": self._curriculum.state_dict()}

    def load_state_dict(self, state: dict[str, dict[str, Tensor]]) -> None:
        """Restore the order of the items and their pseudo-labels."""
        self._batches.load_state_dict(state["batches"])
        self._curriculum.load_state_dict(state["curriculum"])


class TeacherTable:
    """Pseudo-labels from a table of the averaged network's predictions, of which each step renews a part.

    A step has strong views of items with an accepted pseudo-label only, so that none is computed in vain.
    """

    def __init__(self, training: _FlexMatch) -> None:
        self._training = training
        config, rows, classes = training.config, len(training.unlabelled), training.candidates.shape[1]
        self._size = config.batch_size * config.mu
        self._table = torch.full((rows, classes), 1 / classes)
        self._order = RandomBatches(rows, min(rows, PREDICTION_BATCH))
        self._renewed = torch.zeros((), dtype=torch.int64)
        self._due = torch.zeros((), dtype=torch.float64)
        self._batches = RandomBatches(rows, min(rows, DRAWN_TOGETHER))
        self._curriculum = Curriculum(
            rows, classes, config.threshold, config.curriculum, warmup=config.threshold_warmup
        )

    def start(self) -> None:
        """Predict all items."""
        for rows in torch.split(torch.arange(len(self._table)), PREDICTION_BATCH):
            self._predict(rows, 0)

    def loss(self, labelled: Tensor, labelled_views: Tensor, size: tuple[int, int] | None) -> Tensor:
        """Return the loss of a step with these `labelled` rows (b,) and their views."""
        training = self._training
        self._due += training.config.refresh * self._size
        while self._due >= self._order.size:
            self._due -= self._order.size
            self._predict(self._order.draw(), 1 + int(self._renewed) // len(self._table))
            self._renewed += self._order.size
        confidence, pseudo_labels = self._table.max(dim=1)
        chosen = self._draw(confidence >= self._curriculum.thresholds()[pseudo_labels])
        supervised_targets = training.candidates[labelled.to(labelled_views.device)]
        if not len(chosen):
            return candidate_loss(forward(training.network, labelled_views), supervised_targets)
        views = training.images.views(training.unlabelled[chosen], None, size).float()
        logits = forward(training.network, torch.cat([labelled_views, training.augment(views)]))
        of_labelled, of_strong = torch.split(logits, [len(labelled), len(chosen)])
        loss = nn.functional.cross_entropy(of_strong, pseudo_labels[chosen].to(logits.device))
        return training.joined(candidate_loss(of_labelled, supervised_targets), loss)

    def _predict(self, rows: Tensor, sweep: int) -> None:
        training = self._training
        rows = torch.unique(rows)  # a batch may end one sweep and begin the next
        items = training.unlabelled[rows]
        self._table[rows] = training.teach(items, training.images.views(items, sweep))
        self._curriculum.update(rows, self._table[rows], forget=True)

    def _draw(self, accepted: Tensor) -> Tensor:
        """Return up to `mu` x `batch_size` accepted items, looking at each item at most once."""
        found, count, seen = [], 0, 0
        while count < self._size and seen < len(self._table):
            batch = self._batches.draw()
            found.append(batch[accepted[batch]])
            count += len(found[-1])
            seen += len(batch)
        return torch.cat(found)[: self._size]

    def state_dict(self) -> dict[str, Any]:
        """Return the table and the order of the items, for `ResumeFile`."""
        return {
            "table": self._table,
            "order": self._order.state_dict(),
            "renewed": self._renewed,
            "due": self._due,
            "batches": self._batches.state_dict(),
            "curriculum": self._curriculum.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the table and the order of the items."""
        for part, name in ((self._table, "table"), (self._renewed, "renewed"), (self._due, "due")):
            part.copy_(state[name])
        self._order.load_state_dict(state["order"])
        self._batches.load_state_dict(state["batches"])
        self._curriculum.load_state_dict(state["curriculum"])
