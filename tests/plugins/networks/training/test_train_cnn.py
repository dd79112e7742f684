"""The training of `cnn`: batches, learning rate, averaged weights and progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from nextlabel_plugins.networks.architectures.convnet import ConvNet
from nextlabel_plugins.networks.architectures.factory import build_network
from nextlabel_plugins.networks.architectures.network import Shape
from nextlabel_plugins.networks.training import hardware
from nextlabel_plugins.networks.training import train_cnn as train_cnn_module
from nextlabel_plugins.networks.training.augment import RandomAffine
from nextlabel_plugins.networks.training.batches import batches
from nextlabel_plugins.networks.training.optimizer_state import fits
from nextlabel_plugins.networks.training.train_cnn import CNNConfig, TrainedNetwork, WeightAverage, train_cnn

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


@pytest.fixture
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train in float32 also where the processor computes in bfloat16."""
    monkeypatch.setattr(hardware, "native_bfloat16", lambda: False)


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
    factors = [train_cnn_module.cosine(step / 100) for step in range(101)]
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


def test_each_epoch_reports_its_loss() -> None:
    reports: list[tuple[float, Mapping[str, float]]] = []
    train_cnn(SHAPE, *data(400), RandomAffine(), CONFIG, 0, lambda share, metrics: reports.append((share, metrics)))
    ends = [(share, metrics["epoch"]) for share, metrics in reports if "epoch" in metrics]
    assert ends == [(pytest.approx(1 / 3), 1), (pytest.approx(2 / 3), 2), (1.0, 3)]
    assert reports[0][1].keys() == {"bits"}
    assert reports[1] == (0.0, {})  # after reading the statistics of the inputs
    assert all(0 < metrics["loss"] < 10 for _, metrics in reports[2:])


MNIST_NET = Shape(12, 12, 1, 2, 4, 0.5, "mnist-net")
PLAIN = CNNConfig(
    epochs=1,
    min_steps=1,
    batch_size=8,
    learning_rate=1e-3,
    weight_decay=0.0,
    label_smoothing=0.0,
    weight_averaging=0.0,
    schedule="constant",
    input_scaling="minus-one-to-one",
)


def digits(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (rows, 1, 12, 12), generator=generator, dtype=torch.uint8)
    return images, torch.nn.functional.one_hot(torch.arange(rows) % 2, 2).bool()


def trained(rows: int, seed: int, start: TrainedNetwork | None = None) -> TrainedNetwork:
    return train_cnn(MNIST_NET, *digits(rows), RandomAffine(), PLAIN, seed, lambda _share, _metrics: None, start)


class PlainNet(nn.Module):
    """The network and its training as a program on MNIST writes them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 8, 3)
        self.dropout1, self.dropout2 = nn.Dropout2d(0.25), nn.Dropout(0.5)
        self.fc1, self.fc2 = nn.Linear(128, 16), nn.Linear(16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.conv2(functional.relu(self.conv1(x))))
        x = torch.flatten(self.dropout1(functional.max_pool2d(x, 2)), 1)
        x = self.dropout2(functional.relu(self.fc1(x)))
        return functional.log_softmax(self.fc2(x), dim=1)

    def fit(self, optimizer: torch.optim.Optimizer, rows: int, updates: int) -> None:
        images, sets = digits(rows)
        self.train()
        for chosen in batches(rows, 8, updates):
            optimizer.zero_grad()
            loss = functional.nll_loss(self(images[chosen] / 127.5 - 1), sets[chosen].int().argmax(dim=1))
            loss.backward()
            optimizer.step()

    def assert_like(self, network: nn.Module) -> None:
        for own, other in zip(self.parameters(), network.parameters(), strict=True):
            torch.testing.assert_close(own, other, atol=1e-5, rtol=1e-5)


def test_the_updates_are_those_of_a_plain_loop(float32: None) -> None:
    torch.manual_seed(3)
    plain = PlainNet()
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3)
    plain.fit(optimizer, 24, 3)
    first = trained(24, 3)
    plain.assert_like(first.network)
    assert first.optimizer["step"] == 3
    # one network and one optimizer go on
    torch.manual_seed(4)
    plain.fit(optimizer, 32, 4)
    second = trained(32, 4, first)
    plain.assert_like(second.network)
    assert second.optimizer["step"] == 7
    assert first.optimizer["step"] == 3  # the start is not changed
    without = TrainedNetwork(first.network, {name: torch.zeros_like(mean) for name, mean in first.optimizer.items()})
    with pytest.raises(AssertionError):
        plain.assert_like(trained(32, 4, without).network)


def test_a_state_fits_its_own_network_only() -> None:
    state = trained(8, 0).optimizer
    assert fits(state, build_network(MNIST_NET))
    assert not fits(state, build_network(replace(MNIST_NET, filters=5)))
    assert not fits({}, build_network(MNIST_NET))
