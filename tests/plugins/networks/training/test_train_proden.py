"""The training of `proden`: its targets, reproducibility, warm start, unusual sets and the sizes of views."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nextlabel_plugins.networks.architectures.factory import build_network
from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape
from nextlabel_plugins.networks.training import loss_meter, resume
from nextlabel_plugins.networks.training import train_proden as train_proden_module
from nextlabel_plugins.networks.training.in_memory import InMemoryImages
from nextlabel_plugins.networks.training.progressive_resize import view_size
from nextlabel_plugins.networks.training.soft_targets import SoftTargets, softmax_over_candidates
from nextlabel_plugins.networks.training.train_proden import ProdenConfig, TrainingData, train_proden

SHAPE = Shape(8, 8, 1, 4, 4, 0.0, "fast")
CONFIG = ProdenConfig(
    epochs=2,
    min_steps=4,
    batch_size=32,
    learning_rate=0.1,
    weight_decay=1e-3,
    shift=1,
    flip=True,
    progressive_resize=False,
    target_momentum=0.0,
    delayed_targets=False,
    consistency=False,
)


def random_data(rows: int = 100, more: float = 0.0) -> TrainingData:
    generator = torch.Generator().manual_seed(0)
    truth = torch.arange(rows) % 4
    images = torch.randint(0, 100, (rows, 8, 8, 1), generator=generator, dtype=torch.uint8)
    images[torch.arange(rows), 2 * truth] += 150  # the row of the bright line is the class
    sets = torch.rand(rows, 4, generator=generator) < more
    return TrainingData(images, sets | functional.one_hot(truth, 4).bool())


def trained_weights(
    data: TrainingData, config: ProdenConfig = CONFIG, kind: str = "fast", start: ImageNetwork | None = None
) -> Tensor:
    """Train and return all weights as one vector."""
    reports: list[float] = []
    network = train_proden(replace(SHAPE, kind=kind), data, config, 3, lambda share, _: reports.append(share), start)
    assert not network.training
    assert reports == sorted(reports)
    assert reports[-1] == 1
    return torch.cat([tensor.flatten().double() for tensor in network.state_dict().values()])


class CrossEntropy:
    """Replaces `SoftTargets` by cross entropy with the true class."""

    def __init__(self, candidates: Tensor, momentum: float) -> None:
        self.truth = candidates.int().argmax(dim=1)
        self.weights = candidates
        assert momentum == 0

    def loss(self, rows: Tensor, logits: Tensor, _: Tensor) -> Tensor:
        return functional.cross_entropy(logits[0], self.truth[rows])

    def update(self, rows: Tensor, logits: Tensor) -> Tensor:
        return self.weights[rows]


@pytest.mark.parametrize("kind", ["fast", "mlp", "convnet12", "resnet18"])
def test_full_labels_train_like_cross_entropy_to_the_bit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = trained_weights(random_data(), kind=kind)
    monkeypatch.setattr(train_proden_module, "SoftTargets", CrossEntropy)
    assert torch.equal(weights, trained_weights(random_data(), kind=kind))
    monkeypatch.undo()
    assert not torch.equal(weights, trained_weights(random_data(more=0.3), kind=kind))


@pytest.mark.parametrize("consistency", [False, True])
@pytest.mark.parametrize("delayed_targets", [False, True])
def test_targets_are_those_of_this_visit_or_of_the_previous_one(
    delayed_targets: bool, consistency: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates: list[tuple[Tensor, Tensor, Tensor]] = []

    class Recording(SoftTargets):
        def loss(self, rows: Tensor, logits: Tensor, weights: Tensor) -> Tensor:
            updates.append((rows.clone(), logits.detach().clone(), weights.clone()))
            return super().loss(rows, logits, weights)

    monkeypatch.setattr(train_proden_module, "SoftTargets", Recording)
    data = random_data(96, more=0.4)  # a multiple of the batch size: no item twice in a batch
    trained_weights(data, replace(CONFIG, delayed_targets=delayed_targets, consistency=consistency))
    previous = data.candidates / data.candidates.sum(dim=1, keepdim=True)
    for rows, logits, weights in updates:
        current = softmax_over_candidates(logits.mean(dim=0), data.candidates[rows])
        assert not torch.equal(current, previous[rows])
        assert torch.equal(weights, previous[rows] if delayed_targets else current)
        previous[rows] = current
    assert sum(len(rows) for rows, _, _ in updates) == CONFIG.epochs * 96


def test_after_a_warm_start_the_first_targets_are_its_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    data = random_data(96, more=0.4)
    start = train_proden(SHAPE, data, CONFIG, 5, lambda *_: None)
    with torch.no_grad():
        logits = start(data.images.permute(0, 3, 1, 2).float())
    predicted = softmax_over_candidates(logits, data.candidates)
    assert (predicted.max(dim=1).values > 1.2 / data.candidates.sum(dim=1)).any()
    updates: list[tuple[Tensor, Tensor]] = []

    class Recording(SoftTargets):
        def loss(self, rows: Tensor, logits: Tensor, weights: Tensor) -> Tensor:
            updates.append((rows.clone(), weights.clone()))
            return super().loss(rows, logits, weights)

    monkeypatch.setattr(train_proden_module, "SoftTargets", Recording)
    trained_weights(data, replace(CONFIG, delayed_targets=True, epochs=1, min_steps=1), start=start)
    assert sorted(torch.cat([rows for rows, _ in updates]).tolist()) == list(range(96))
    for rows, weights in updates:
        torch.testing.assert_close(weights, predicted[rows], atol=2e-2, rtol=0)  # bfloat16, if native


def test_a_resumed_warm_start_keeps_its_targets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def kill(share: float, _: object) -> None:
        if share > 0.5:
            raise KilledError

    predictions: list[int] = []
    predict = train_proden_module._predicted_targets

    def counting(network: ImageNetwork, data: TrainingData) -> Tensor:
        predictions.append(1)
        return predict(network, data)

    monkeypatch.setattr(train_proden_module, "_predicted_targets", counting)
    monkeypatch.setattr(resume, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(loss_meter, "REPORT_EVERY", 0.0)
    data, config = random_data(96, more=0.4), replace(CONFIG, target_momentum=0.5)
    start = train_proden(SHAPE, data, CONFIG, 5, lambda *_: None)
    expected = train_proden(SHAPE, data, config, 3, lambda *_: None, start)
    with pytest.raises(KilledError):
        train_proden(SHAPE, data, config, 3, kill, start, tmp_path)
    assert len(predictions) == 2
    resumed = train_proden(SHAPE, data, config, 3, lambda *_: None, start, tmp_path)
    assert len(predictions) == 2
    for name, tensor in resumed.state_dict().items():
        assert torch.equal(tensor, expected.state_dict()[name])


def test_the_predictions_of_a_warm_start_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    data, config = random_data(96, more=0.4), replace(CONFIG, target_momentum=0.5)
    start = train_proden(SHAPE, data, CONFIG, 5, lambda *_: None)
    monkeypatch.setattr(train_proden_module, "PREDICTION_BATCH", 32)
    monkeypatch.setattr(loss_meter, "REPORT_EVERY", 0.0)
    shares: list[float] = []
    train_proden(SHAPE, data, config, 3, lambda share, _: shares.append(share), start)
    # each layer forwards in three batches of predictions; then in the first update, forwards and backwards
    assert shares.count(0) >= 1 + (3 + 1) * len(start.trunk)


@pytest.mark.parametrize(("rows", "views"), [(127, 1), (63, 2), (100, 1), (255, 1), (20, 1)])
def test_an_epoch_is_one_pass_over_all_items(rows: int, views: int, monkeypatch: pytest.MonkeyPatch) -> None:
    batch_sizes: list[int] = []

    class Counting(SoftTargets):
        def update(self, rows: Tensor, logits: Tensor) -> Tensor:
            batch_sizes.append(len(rows))
            return super().update(rows, logits)

    monkeypatch.setattr(train_proden_module, "SoftTargets", Counting)
    trained_weights(random_data(rows), replace(CONFIG, epochs=16, min_steps=1, batch_size=1000, consistency=views == 2))
    if rows < 32:  # items are repeated within a batch, as different views
        assert len(batch_sizes) == 16
    else:
        assert sum(batch_sizes) == pytest.approx(16 * rows, abs=batch_sizes[0] / 2)


@pytest.mark.parametrize(
    "config", [CONFIG, replace(CONFIG, consistency=True, progressive_resize=True, target_momentum=0.5)]
)
def test_the_seed_decides_the_weights_and_the_rng_state_is_restored(config: ProdenConfig) -> None:
    torch.manual_seed(11)
    expected = torch.rand(1, generator=torch.Generator().manual_seed(11))
    weights = trained_weights(random_data(more=0.3), config)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(weights, trained_weights(random_data(more=0.3), config))


@pytest.mark.parametrize("rows", [1, 2, 5, 100])
@pytest.mark.parametrize("config", [CONFIG, replace(CONFIG, consistency=True, progressive_resize=True)])
def test_few_or_unlabelled_items_give_finite_weights(rows: int, config: ProdenConfig) -> None:
    data = random_data(rows, more=0.3)
    data.candidates[0] = True
    assert trained_weights(data, config).isfinite().all()


def test_a_batch_has_at_least_two_views() -> None:
    for kind in ("mlp", "fast"):  # their batch norm needs more than one row
        data, config = random_data(10), replace(CONFIG, batch_size=1, epochs=1)
        assert torch.equal(
            trained_weights(data, config, kind), trained_weights(data, replace(config, batch_size=2), kind)
        )


@pytest.mark.parametrize("more", [{}, {"consistency": True}, {"delayed_targets": True}, {"target_momentum": 0.5}])
def test_training_identifies_the_true_class_among_candidates(more: dict[str, Any]) -> None:
    data = random_data(400, more=0.4)
    shape = replace(SHAPE, kind="mlp", filters=32)  # the other networks ignore the position of the line
    config = replace(CONFIG, min_steps=200, learning_rate=0.05, shift=0, flip=False, **more)
    network = train_proden(shape, data, config, 0, lambda *_: None)
    predicted = network(data.images.permute(0, 3, 1, 2).float()).argmax(dim=1)
    assert (predicted == torch.arange(400) % 4).float().mean() > 0.95


def test_a_warm_start_does_not_change_the_given_network() -> None:
    start = train_proden(SHAPE, random_data(), CONFIG, 5, lambda *_: None)
    before = {name: tensor.clone() for name, tensor in start.state_dict().items()}
    tiny_steps = replace(CONFIG, learning_rate=1e-9, min_steps=1, epochs=1)
    after = trained_weights(random_data(), tiny_steps, start=start)
    for name, tensor in start.state_dict().items():
        assert torch.equal(tensor, before[name])
    weights = torch.cat([w.flatten().double() for n, w in start.named_parameters() if n.startswith("head")])
    torch.testing.assert_close(after[-len(weights) :], weights, atol=1e-4, rtol=0)


def test_progressive_views_grow_to_the_full_size() -> None:
    shape = replace(SHAPE, height=16, width=24)
    sizes = [view_size(shape, done) for done in (0.0, 0.49, 0.5, 0.79, 0.8, 0.99)]
    assert sizes == [(12, 18), (12, 18), (14, 21), (14, 21), (16, 24), (16, 24)]


@pytest.mark.parametrize("kind", ["fast", "convnet12", "resnet18"])
@torch.no_grad()
def test_progressive_views_are_never_too_small_for_a_network(kind: str) -> None:
    for side in range(2, 36):
        shape = replace(SHAPE, kind=kind, height=side, width=40, filters=2)
        view = torch.zeros(1, 1, *view_size(shape, 0.0))
        assert build_network(shape).eval()(view).shape == (1, 4)


@pytest.mark.parametrize("rows", [1, 4, 33, 64, 100])
def test_half_of_all_updates_have_flipped_views(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    epochs = []
    views = InMemoryImages.views

    def recording(self: InMemoryImages, chosen: Tensor, epoch: int, size: tuple[int, int] | None) -> Tensor:
        epochs.append(epoch % 2)
        return views(self, chosen, epoch, size)

    monkeypatch.setattr(InMemoryImages, "views", recording)
    trained_weights(random_data(rows), replace(CONFIG, batch_size=64, min_steps=40))
    assert 0.4 <= sum(epochs) / len(epochs) <= 0.6
