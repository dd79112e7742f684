"""The parts of a training: batches, rates, averages."""

from __future__ import annotations

import pytest
import torch

from nextlabel_plugins.networks import fitting
from nextlabel_plugins.networks.augment import Views
from nextlabel_plugins.networks.batches import batches
from nextlabel_plugins.networks.convnet import ConvNet
from nextlabel_plugins.networks.fitting import Average, Schedule, train
from nextlabel_plugins.networks.network import Shape

SHAPE = Shape(4, 4, 1, 2, 2, 0.0)
SCHEDULE = Schedule(epochs=3, steps=10, batch=8, rate=0.01, decay=0.0, smoothing=0.0, average=0.5)


def data(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.randint(0, 256, (rows, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    sets = torch.zeros(rows, 2, dtype=torch.bool)
    sets[torch.arange(rows), torch.arange(rows) % 2] = True
    return images, sets


@pytest.mark.parametrize(("rows", "updates"), [(1, 10), (8, 10), (33, 15), (800, 300)])
def test_updates_are_passes_but_not_too_few(rows: int, updates: int) -> None:
    assert SCHEDULE.updates(rows) == updates


@pytest.mark.parametrize("rows", [1, 3, 8, 9, 50])
def test_batches_take_every_row_as_often(rows: int) -> None:
    drawn = list(batches(rows, 8, 100))
    sizes = {len(batch) for batch in drawn}
    assert sizes == {8 // rows * rows if rows <= 8 else 8}
    counts = torch.cat(drawn).bincount(minlength=rows)
    assert counts.max() - counts.min() <= max(1, 8 // rows)


def test_the_rate_rises_then_falls_to_nothing() -> None:
    rates = [fitting._rate(step / 100) for step in range(101)]
    assert 0 < rates[0] < rates[5] < rates[10] == max(rates) <= 1
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0)


def test_an_average_is_the_mean() -> None:
    network = ConvNet(SHAPE)
    average = Average(network)
    seen = []
    for value in (1.0, 2.0, 6.0):
        torch.nn.init.constant_(network.head.weight, value)
        average.add(network)
        seen.append(value)
    torch.testing.assert_close(average.network.head.weight, torch.full_like(network.head.weight, 3.0))
    assert network.head.weight[0, 0] == 6


def test_progress_is_told_about_twenty_times() -> None:
    heard: list[tuple[float, float]] = []
    train(SHAPE, *data(20), Views(), SCHEDULE, 0, lambda share, metrics: heard.append((share, metrics["loss"])))
    assert [share for share, _ in heard] == [pytest.approx((step + 1) / 10) for step in range(10)]
    heard.clear()
    train(SHAPE, *data(400), Views(), SCHEDULE, 0, lambda share, metrics: heard.append((share, metrics["loss"])))
    assert len(heard) == 20
    assert heard[-1][0] == 1
