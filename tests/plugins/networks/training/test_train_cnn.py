"""The training of `cnn`: batches, learning rate, averaged weights and progress."""

from __future__ import annotations

import pytest
import torch

from nextlabel_plugins.networks.architectures.convnet import ConvNet
from nextlabel_plugins.networks.architectures.network import Shape
from nextlabel_plugins.networks.training import train_cnn as train_cnn_module
from nextlabel_plugins.networks.training.augment import RandomAffine
from nextlabel_plugins.networks.training.batches import batches
from nextlabel_plugins.networks.training.train_cnn import CNNConfig, WeightAverage, train_cnn

SHAPE = Shape(4, 4, 1, 2, 2, 0.0)
CONFIG = CNNConfig(
    epochs=3,
    min_steps=10,
    batch_size=8,
    learning_rate=0.01,
    weight_decay=0.0,
    label_smoothing=0.0,
    weight_averaging=0.5,
)


def data(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.randint(0, 256, (rows, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    sets = torch.zeros(rows, 2, dtype=torch.bool)
    sets[torch.arange(rows), torch.arange(rows) % 2] = True
    return images, sets


@pytest.mark.parametrize(("rows", "updates"), [(1, 10), (8, 10), (33, 15), (800, 300)])
def test_the_number_of_updates_has_a_minimum(rows: int, updates: int) -> None:
    assert CONFIG.updates(rows) == updates


@pytest.mark.parametrize("rows", [1, 3, 8, 9, 50])
def test_batches_take_every_row_equally_often(rows: int) -> None:
    drawn = list(batches(rows, 8, 100))
    sizes = {len(batch) for batch in drawn}
    assert sizes == {8 // rows * rows if rows <= 8 else 8}
    counts = torch.cat(drawn).bincount(minlength=rows)
    assert counts.max() - counts.min() <= max(1, 8 // rows)


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    factors = [train_cnn_module._rate_factor(step / 100) for step in range(101)]
    assert 0 < factors[0] < factors[5] < factors[10] == max(factors) <= 1
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[-1] == pytest.approx(0)


def test_averaged_weights_are_the_mean() -> None:
    network = ConvNet(SHAPE)
    average = WeightAverage(network)
    for value in (1.0, 2.0, 6.0):
        torch.nn.init.constant_(network.head.weight, value)
        average.add(network)
    torch.testing.assert_close(average.network.head.weight, torch.full_like(network.head.weight, 3.0))
    assert network.head.weight[0, 0] == 6


def test_progress_is_reported_about_twenty_times() -> None:
    reports: list[tuple[float, float]] = []
    train_cnn(
        SHAPE, *data(20), RandomAffine(), CONFIG, 0, lambda share, metrics: reports.append((share, metrics["loss"]))
    )
    assert [share for share, _ in reports] == [pytest.approx((step + 1) / 10) for step in range(10)]
    reports.clear()
    train_cnn(
        SHAPE, *data(400), RandomAffine(), CONFIG, 0, lambda share, metrics: reports.append((share, metrics["loss"]))
    )
    assert len(reports) == 20
    assert reports[-1][0] == 1
