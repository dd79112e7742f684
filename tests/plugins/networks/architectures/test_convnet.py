"""`ConvNet`: input sizes, batch-norm folding and input statistics."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nextlabel_plugins.networks.architectures.convnet import ConvNet
from nextlabel_plugins.networks.architectures.network import Shape
from nextlabel_plugins.networks.inference.bn_folding import fold_network


def network(height: int, width: int, channels: int = 1, filters: int = 4) -> ConvNet:
    torch.manual_seed(0)
    return ConvNet(Shape(height, width, channels, 3, filters, 0.5))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 4), (7, 30), (8, 8), (28, 28), (33, 64), (100, 80), (257, 5)])
def test_images_of_any_size(size: tuple[int, int]) -> None:
    net = network(*size, channels=3).eval()
    images = torch.rand(2, 3, *size) * 255
    assert net(images).shape == (2, 3)
    assert net.embed(images).shape == (2, net.embedding)
    assert net.embedding <= 8 * 4 * max(size) * 2


def test_folding_removes_batch_norm_and_changes_no_output() -> None:
    net = network(8, 8)
    images = torch.rand(64, 1, 8, 8) * 255
    net.fit_input_statistics(images)
    for _ in range(3):
        net.train()(images)
    net.eval()
    folded = fold_network(net)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    assert not any(weight.requires_grad for weight in folded.parameters())
    torch.testing.assert_close(folded(images), net(images), atol=1e-5, rtol=1e-5)
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in net.modules())


def test_input_statistics_are_per_channel_and_allow_constant_ones() -> None:
    net = network(4, 4, channels=3)
    images = torch.zeros(5, 3, 4, 4, dtype=torch.uint8)
    images[:, 1] = 200
    images[:, 2, :2] = 100
    net.fit_input_statistics(images)
    torch.testing.assert_close(net.mean.flatten(), torch.tensor([0.0, 200.0, 50.0]))
    torch.testing.assert_close(net.std.flatten(), torch.tensor([1.0, 1.0, 50.0]))


def test_input_statistics_are_reported_part_by_part_and_do_not_depend_on_the_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = torch.randint(0, 256, (10, 3, 4, 4), dtype=torch.uint8)
    whole, parts = network(4, 4, channels=3), network(4, 4, channels=3)
    whole.fit_input_statistics(images)
    monkeypatch.setattr("nextlabel_plugins.networks.architectures.network.CHUNK", 3 * images[0].numel())
    reports: list[int] = []
    parts.fit_input_statistics(images, lambda: reports.append(1))
    assert len(reports) == 4
    assert torch.equal(whole.mean, parts.mean)
    assert torch.equal(whole.std, parts.std)


def test_a_shape_survives_json() -> None:
    shape = Shape(8, 9, 1, 10, 32, 0.3)
    assert Shape.from_json(shape.to_json()) == shape
    with pytest.raises(ValueError, match="at least 1"):
        Shape(0, 8, 1, 10, 32, 0.3)
