"""Reports within the passes of a network: after each layer, rarely enough, and able to end a pass."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from nextlabel_plugins.networks.architectures.factory import build_network
from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape
from nextlabel_plugins.networks.training.layer_reports import layer_reports


@pytest.fixture
def network() -> ImageNetwork:
    return build_network(Shape(8, 8, 3, 4, 2, 0.0, "wideresnet"))


class CancelledError(Exception):
    pass


def test_each_layer_reports_forwards_and_backwards(network: ImageNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextlabel_plugins.networks.training.loss_meter.REPORT_EVERY", 0.0)
    reports: list[int] = []
    with layer_reports(network, lambda: reports.append(1)):
        loss = network(torch.rand(4, 3, 8, 8)).sum()
        assert len(reports) == len(network.trunk)
        loss.backward()
        assert len(reports) == 2 * len(network.trunk)
        with torch.no_grad():
            network(torch.rand(4, 3, 8, 8))
        assert len(reports) == 3 * len(network.trunk)
    network(torch.rand(4, 3, 8, 8)).sum().backward()
    assert len(reports) == 3 * len(network.trunk)


def test_a_report_ends_a_pass(network: ImageNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextlabel_plugins.networks.training.loss_meter.REPORT_EVERY", 0.0)
    reports: list[int] = []

    def cancel() -> None:
        reports.append(1)
        if len(reports) == len(network.trunk) + 5:
            raise CancelledError

    with layer_reports(network, cancel):
        loss = network(torch.rand(4, 3, 8, 8)).sum()
        with pytest.raises(CancelledError):
            loss.backward()
    assert len(reports) == len(network.trunk) + 5


def test_half_a_second_is_between_two_reports(network: ImageNetwork) -> None:
    seconds = [0.0]

    def clock() -> float:
        seconds[0] += 0.01
        return seconds[0]

    reports: list[float] = []
    with layer_reports(network, lambda: reports.append(seconds[0]), clock):
        for _ in range(10):
            network(torch.rand(4, 3, 8, 8)).sum().backward()
    gaps = [later - earlier for earlier, later in pairwise(reports)]
    assert len(gaps) > 3
    assert all(0.5 <= gap < 0.55 for gap in gaps)
