"""A training ends at once when `progress` raises, at every stage, and reports often enough for that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from support.geometric import require_geometric

from nextlabel.contracts import GraphItems, Items, Learner, Targets, Training, VectorItems
from nextlabel.contracts.data import IntArray, PixelArray
from nextlabel_plugins.learners import learner_inputs
from nextlabel_plugins.learners.autoencoder import Autoencoder, AutoencoderParameters
from nextlabel_plugins.learners.cnn import CNN, CNNParameters
from nextlabel_plugins.learners.flexmatch import FlexMatch, FlexMatchParameters
from nextlabel_plugins.learners.gcn import GCN
from nextlabel_plugins.learners.gcn_parameters import GCNParameters
from nextlabel_plugins.learners.gp import GP, GPParameters
from nextlabel_plugins.learners.label_spreading import LabelSpreading, LabelSpreadingParameters
from nextlabel_plugins.learners.linear import Linear, LinearParameters
from nextlabel_plugins.learners.proden import Proden, ProdenParameters
from nextlabel_plugins.learners.pseudo_label import PseudoLabel, PseudoLabelParameters
from nextlabel_plugins.networks.training import loss_meter, train_pseudo_label

SIZE, BATCH = 300, 32


class CancelledError(Exception):
    """What the engine raises to cancel a training."""


@dataclass(frozen=True)
class CountedImages:
    """Grey images of 4 x 4 pixels that count how many of them are read, and how many at a time."""

    array: PixelArray
    reads: list[int] = field(default_factory=list)
    size: tuple[int, int] | None = (4, 4)
    channels: int = 1

    def __len__(self) -> int:
        return len(self.array)

    def take(self, positions: IntArray) -> CountedImages:
        return CountedImages(self.array[positions], self.reads)

    def pixels(self, size: tuple[int, int], channels: int) -> PixelArray:
        assert (size, channels) == (self.size, self.channels)
        self.reads.append(len(self))
        return self.array


def images() -> CountedImages:
    return CountedImages(np.random.default_rng(0).integers(0, 256, (SIZE, 4, 4, 1), np.uint8))


def vectors() -> VectorItems:
    return VectorItems(np.random.default_rng(0).standard_normal((SIZE, 3)).astype(np.float32))


def ring() -> GraphItems:
    nodes = np.arange(SIZE)
    edges = np.stack([nodes, (nodes + 1) % SIZE])
    return GraphItems(vectors().vectors, np.concatenate([edges, edges[::-1]], axis=1))


CLASSES = Targets(candidates=np.eye(4, dtype=np.bool_)[np.arange(SIZE) % 4])
FEW = Targets(candidates=np.eye(4, dtype=np.bool_)[np.arange(SIZE) % 4] | (np.arange(SIZE) >= 100)[:, None])
VALUES = Targets(values=np.random.default_rng(1).standard_normal(SIZE))
FEW = Targets(candidates=CLASSES.candidates | (np.arange(SIZE) >= 40)[:, None])
"""The first 40 items are labelled."""
CASES: dict[str, tuple[Learner[Any], Any, Targets]] = {
    "linear on images": (Linear(LinearParameters()), images, CLASSES),
    "linear on vectors": (Linear(LinearParameters()), vectors, CLASSES),
    "knn on images": (LabelSpreading(LabelSpreadingParameters()), images, CLASSES),
    "knn on vectors": (LabelSpreading(LabelSpreadingParameters()), vectors, CLASSES),
    "rbf on images": (LabelSpreading(LabelSpreadingParameters(kernel="rbf")), images, CLASSES),
    "rbf on vectors": (LabelSpreading(LabelSpreadingParameters(kernel="rbf")), vectors, CLASSES),
    "autoencoder on images": (
        Autoencoder(AutoencoderParameters(pretrain_epochs=2, pretrain_batch_size=100, epochs=2, min_steps=1)),
        images,
        FEW,
    ),
    "pseudo-label on images": (
        PseudoLabel(PseudoLabelParameters(filters=4, epochs=3, min_steps=1, batch_size=20, threshold=0.1)),
        images,
        FEW,
    ),
    "cnn on images": (CNN(CNNParameters(filters=4, epochs=2, min_steps=4)), images, CLASSES),
    "proden on images": (Proden(ProdenParameters(filters=4, epochs=2, min_steps=4)), images, CLASSES),
    "flexmatch on images": (
        FlexMatch(FlexMatchParameters(filters=2, steps=2, batch_size=8, mu=1, epoch_steps=1)),
        images,
        FEW,
    ),
    "gp": (GP(GPParameters()), vectors, VALUES),
    "gcn": (GCN(GCNParameters(epochs=10)), ring, CLASSES),
}


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner_inputs, "BATCH", BATCH)
    monkeypatch.setattr("nextlabel_plugins.spreading.graph_matrix.BATCH", BATCH)
    # reports that depend on the clock: all of them
    monkeypatch.setattr("nextlabel_plugins.networks.training.loss_meter.REPORT_EVERY", 0.0)


def shares(learner: Learner[Any], items: Items, targets: Targets, cancel_at: int | None = None) -> list[float]:
    """Return the shares that a training reports; the report of number `cancel_at` cancels it."""
    reported: list[float] = []

    def progress(share: float, _metrics: Mapping[str, float]) -> None:
        reported.append(share)
        if len(reported) == cancel_at:
            raise CancelledError

    training = Training(0, progress=progress)
    if cancel_at is None:
        learner.fit(items, targets, training)
    else:
        with pytest.raises(CancelledError):
            learner.fit(items, targets, training)
    return reported


@pytest.mark.parametrize("name", CASES)
def test_a_training_can_be_cancelled_at_every_stage(name: str) -> None:
    learner, make, targets = CASES[name]
    if name == "gcn":
        require_geometric()
    complete = shares(learner, make(), targets)
    assert complete == sorted(complete)
    assert complete[-1] == 1
    assert len(complete) > 5
    for number in {1, 2, len(complete) // 2, len(complete)}:
        assert shares(learner, make(), targets, number) == complete[:number]


READING = math.ceil(SIZE / BATCH)


@pytest.mark.parametrize(
    ("name", "reports"),
    [
        # the precision, 3 updates in each of 2 epochs of the pre-training, 2 in each of the classifier
        ("autoencoder on images", READING + 1 + 2 * 3 + 2 * 2),
        # the precision, 2 updates in each of 3 epochs, and the other items' batches before the last two of them
        ("pseudo-label on images", READING + 1 + 3 * 2 + 2 * math.ceil((SIZE - 40) / BATCH)),
    ],
)
def test_a_training_can_be_cancelled_after_each_batch(name: str, reports: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_meter, "REPORT_EVERY", 0)
    monkeypatch.setattr(train_pseudo_label, "PREDICTION_BATCH", BATCH)
    learner, make, targets = CASES[name]
    complete = shares(learner, make(), targets)
    assert len(complete) == reports
    for number in range(1, reports + 1):
        assert shares(learner, make(), targets, number) == complete[:number]


@pytest.mark.parametrize("name", [name for name in CASES if "images" in name])
def test_images_are_read_a_part_at_a_time(name: str) -> None:
    learner, make, targets = CASES[name]
    items = make()
    shares(learner, items, targets, 3)
    assert items.reads == [BATCH] * 3
    items = make()
    shares(learner, items, targets)
    assert sum(items.reads) == SIZE


def test_a_fit_that_evaluates_its_loss_reports_each_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluations: list[int] = []
    softmax = "nextlabel_plugins.learners.linear._softmax"
    monkeypatch.setattr(softmax, lambda logits: evaluations.append(1) or np.full_like(logits, 0.25))
    reported = shares(Linear(LinearParameters()), vectors(), CLASSES)
    assert len(reported) == len(evaluations) + 1
