"""The loss meter: the mean loss of each epoch, and reports in between."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from nextlabel_plugins.networks.training.loss_meter import LossMeter

Reports = list[tuple[float, Mapping[str, float]]]


def reports(losses: list[float], epochs: int, seconds: float = 0.0) -> Reports:
    """Return what a meter reports if each update takes `seconds`."""
    found: Reports = []
    times = iter(seconds * number for number in range(10 * len(losses)))
    now = [0.0]
    meter = LossMeter(lambda share, metrics: found.append((share, metrics)), len(losses), epochs, lambda: now[0])
    for loss in losses:
        now[0] = next(times) + seconds
        meter.add(torch.tensor(loss))
    return found


def test_each_epoch_ends_with_its_own_mean_and_its_number() -> None:
    assert reports([1.0, 3.0, 5.0, 6.0, 10.0, 20.0], epochs=3) == [
        (pytest.approx(1 / 3), {"loss": 2.0, "step": 2, "epoch": 1}),
        (pytest.approx(2 / 3), {"loss": 5.5, "step": 4, "epoch": 2}),
        (1.0, {"loss": 15.0, "step": 6, "epoch": 3}),
    ]


def test_epochs_are_about_equally_long() -> None:
    assert [share for share, _ in reports([1.0] * 10, epochs=3)] == [0.4, 0.7, 1.0]


def test_an_update_is_an_epoch_if_there_are_fewer_updates_than_epochs() -> None:
    assert [metrics["epoch"] for _, metrics in reports([1.0, 2.0], epochs=30)] == [1, 2]


def test_a_long_epoch_reports_its_mean_so_far() -> None:
    found = reports([2.0, 4.0, 6.0, 8.0, 10.0], epochs=1, seconds=0.3)
    assert found == [
        (0.4, {"loss": 3.0, "step": 2}),
        (0.8, {"loss": 5.0, "step": 4}),
        (1.0, {"loss": 6.0, "step": 5, "epoch": 1}),
    ]
