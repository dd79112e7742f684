"""A training that is killed and resumed ends with the weights of an uninterrupted one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nextlabel_plugins.networks.architectures.factory import build_network
from nextlabel_plugins.networks.architectures.network import Shape
from nextlabel_plugins.networks.training.batches import RandomBatches
from nextlabel_plugins.networks.training.loss_meter import LossMeter
from nextlabel_plugins.networks.training.optimizers import make_optimizer
from nextlabel_plugins.networks.training.resume import SAVE_EVERY, ResumeFile

UPDATES, SAVED_EACH = 9, 3
"""Updates of a training, and between two saves of its state."""


class KilledError(Exception):
    pass


def train(kind: str, folder: Path | None, killed_after: int | None = None) -> tuple[list[Tensor], list[Any]]:
    """Train a tiny network; return its weights with all other tensors of the training, and the reported losses."""
    torch.manual_seed(0)
    network = build_network(Shape(8, 8, 3, 3, filters=4, dropout=0.3, kind=kind)).train()
    network = network.to(memory_format=torch.channels_last)
    images, truth = 255 * torch.rand(30, 3, 8, 8), torch.arange(30) % 3
    targets = torch.zeros(30)
    optimizer = make_optimizer(network, 0.05, 1e-3, batch_size=8, whitening_share=0.5)
    order = RandomBatches(30, 8)
    reports: list[Mapping[str, float]] = []
    meter = LossMeter(lambda _share, metrics: reports.append(metrics), UPDATES, 2)
    parts = {"network": network, "optimizer": optimizer, "order": order, "meter": meter, "targets": targets}
    file = ResumeFile(folder, parts, clock(SAVE_EVERY / SAVED_EACH))
    for update in range(file.load(), UPDATES):
        if update == killed_after:
            raise KilledError
        rows = order.draw()
        loss = nn.functional.cross_entropy(network(images[rows] + torch.randn(8, 3, 8, 8)), truth[rows])
        targets[rows] += loss.detach()
        network.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step(update / UPDATES)
        meter.add(loss)
        file.save_if_due(update + 1)
    return [*network.state_dict().values(), targets, torch.rand(1)], reports


def clock(step: float) -> Any:
    """Return a clock that goes on by `step` each time it is read between two saves."""
    seconds: Iterator[float] = itertools.count(0.0, step)
    return lambda: next(seconds)


@pytest.mark.parametrize("kind", ["fast", "resnet18"])
def test_a_resumed_training_gives_the_same_weights(kind: str, tmp_path: Path) -> None:
    expected, reports = train(kind, None)
    for killed_after in (2, 5, 8):
        with pytest.raises(KilledError):
            train(kind, tmp_path, killed_after)
    resumed, later_reports = train(kind, tmp_path)
    assert all(torch.equal(*pair) for pair in zip(resumed, expected, strict=True))
    assert later_reports == reports[-1:]
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]


def test_a_training_that_was_killed_before_the_first_save_starts_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "training.partial").write_bytes(b"half of a file")
    with pytest.raises(KilledError):
        train("fast", tmp_path, 2)
    assert "resumes" not in capsys.readouterr().out
    with pytest.raises(KilledError):
        train("fast", tmp_path, 5)
    with pytest.raises(KilledError):
        train("fast", tmp_path, 8)
    assert capsys.readouterr().out == "training resumes after 3 updates\n"


def test_the_state_is_saved_once_a_minute(tmp_path: Path) -> None:
    seconds = [0.0]
    count = torch.zeros(())
    file = ResumeFile(tmp_path, {"count": count}, lambda: seconds[0])
    saved = []
    for update in range(1, 8):
        seconds[0] += 25
        count += 1
        file.save_if_due(update)
        saved.append(ResumeFile(tmp_path, {"count": torch.zeros(())}).load())
    assert saved == [0, 0, 3, 3, 3, 6, 6]
