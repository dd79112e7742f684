"""Pseudo-labels: which items get one, when they are renewed, and what an update is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nextlabel_plugins.networks.architectures.network import Shape
from nextlabel_plugins.networks.training import train_pseudo_label as module
from nextlabel_plugins.networks.training.augment import RandomAffine
from nextlabel_plugins.networks.training.train_pseudo_label import (
    PseudoLabelConfig,
    PseudoLabels,
    pseudo_labels,
    train_pseudo_label,
)

SHAPE = Shape(4, 4, 1, 3, 2, 0.0, "simple")
LABELLED, ALL = 8, 40


class FromPixels(nn.Module):
    """Its logits are the pixels."""

    def forward(self, images: Tensor) -> Tensor:
        assert not self.training
        return images[:, 0, 0]


def made(logits: list[list[int]], sets: list[list[int]], threshold: float = 0.8) -> tuple[list[int], list[list[int]]]:
    network = FromPixels()
    images = torch.tensor(logits, dtype=torch.uint8)[:, None, None]
    labels = pseudo_labels(network, images, torch.tensor(sets).bool(), threshold, lambda: None)
    assert network.training
    return labels.rows.tolist(), labels.candidates.int().tolist()


def test_a_certain_class_of_an_unlabelled_item_becomes_its_pseudo_label() -> None:
    assert made([[9, 0, 0], [0, 1, 0], [0, 0, 9]], [[1, 1, 1]] * 3) == ([0, 2], [[1, 0, 0], [0, 0, 1]])


def test_the_threshold_is_a_probability() -> None:
    # the largest probability is e / (e + 2) = 0.576
    assert made([[1, 0, 0]], [[1, 1, 1]], 0.57)[0] == [0]
    assert made([[1, 0, 0]], [[1, 1, 1]], 0.58)[0] == []


def test_a_pseudo_label_never_leaves_the_set() -> None:
    # class 0 is almost certain for the network; within the set it is class 1, by 0.95 to 0.05
    assert made([[9, 3, 0]], [[0, 1, 1]]) == ([0], [[0, 1, 0]])
    assert made([[9, 1, 1]], [[0, 1, 1]]) == ([], [])


def test_a_full_label_needs_none() -> None:
    assert made([[9, 0, 0], [9, 0, 0]], [[1, 0, 0], [0, 1, 0]]) == ([], [])


def train(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> tuple[list[int], list[int]]:
    """Return the sizes of all updates' batches, and the update before which each renewal took place."""
    sizes: list[int] = []
    renewals: list[int] = []
    loss = module.candidate_loss

    def record(logits: Tensor, candidates: Tensor) -> Tensor:
        assert candidates.sum(dim=1).eq(1).all()
        sizes.append(len(logits))
        return loss(logits, candidates)

    def renew(*arguments: Any) -> PseudoLabels:
        renewals.append(len(sizes))
        return pseudo_labels(*arguments)

    monkeypatch.setattr(module, "candidate_loss", record)
    monkeypatch.setattr(module, "pseudo_labels", renew)
    images = torch.randint(0, 256, (ALL, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    sets = torch.ones(ALL, 3, dtype=torch.bool)
    sets[:LABELLED] = torch.eye(3).bool()[torch.arange(LABELLED) % 3]
    settings: dict[str, Any] = {
        "epochs": 3,
        "supervised_epochs": 1,
        "min_steps": 1,
        "batch_size": 4,
        "pseudo_batch_size": 5,
        "threshold": 0.1,
        "learning_rate": 0.01,
        "schedule": "constant",
    }
    config = PseudoLabelConfig(**(settings | changed))
    reports: list[Mapping[str, float]] = []
    train_pseudo_label(SHAPE, images, sets, RandomAffine(), config, 0, lambda _share, metrics: reports.append(metrics))
    assert [report["epoch"] for report in reports if "epoch" in report] == list(range(1, config.epochs + 1))
    return sizes, renewals


def test_each_epoch_renews_them_after_a_supervised_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert train(monkeypatch) == ([4, 4, 9, 9, 9, 9], [2, 4])


def test_as_many_supervised_epochs_as_epochs_are_supervised_training(monkeypatch: pytest.MonkeyPatch) -> None:
    assert train(monkeypatch, supervised_epochs=3) == ([4] * 6, [])


def test_without_any_certain_item_an_update_has_labels_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert train(monkeypatch, threshold=1.0, learning_rate=1e-6) == ([4] * 6, [2, 4])


def test_few_labels_have_more_updates_in_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, renewals = train(monkeypatch, min_steps=30)
    assert (len(sizes), renewals) == (30, [10, 20])


def test_fewer_pseudo_labels_than_fit_into_a_batch_occur_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert max(train(monkeypatch, pseudo_batch_size=500)[0]) == 4 + ALL - LABELLED
