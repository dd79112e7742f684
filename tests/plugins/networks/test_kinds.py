"""Every network: any size, folded, as ONNX, and through JSON."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from nextlabel_plugins.networks.averaging import views
from nextlabel_plugins.networks.kinds import make
from nextlabel_plugins.networks.network import ImageNetwork, Shape
from nextlabel_plugins.networks.onnx_graph import write_onnx

KINDS = ("convnet", "mlp", "convnet12", "resnet18", "fast")


def trained(kind: str, size: tuple[int, int], channels: int = 3) -> ImageNetwork:
    """A network whose statistics have seen something."""
    torch.manual_seed(0)
    network = make(Shape(*size, channels, 4, 6, 0.0, kind))
    images = torch.randint(0, 256, (40, channels, *size), dtype=torch.uint8)
    network.standardise(images)
    for _ in range(3):
        network.train()(images.float())
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.bias.data.normal_()
    return network.eval()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (4, 4), (7, 12), (8, 8), (28, 28), (33, 20)])
def test_any_size(kind: str, size: tuple[int, int]) -> None:
    network = trained(kind, size)
    images = torch.rand(2, 3, *size) * 255
    assert network(images).shape == (2, 4)
    assert network.embed(images).shape == (2, network.embedding)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("averaging", ["none", "flip", "flip-shift"])
def test_folded_and_as_onnx_it_answers_the_same(kind: str, averaging: str, tmp_path: Path) -> None:
    network = trained(kind, (12, 10))
    folded = network.folded()
    assert not any(isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d | nn.Dropout) for layer in folded.trunk.modules())
    pixels = np.random.default_rng(0).integers(0, 256, (7, 12, 10, 3), np.uint8)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    torch.testing.assert_close(folded(images), network(images), atol=1e-3, rtol=1e-3)
    chosen = views(averaging)
    logits = sum(network(view(images)) * view.weight for view in chosen)
    write_onnx(folded, chosen, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (said,) = session.run(["probabilities"], {"input": pixels})
    np.testing.assert_allclose(said, torch.as_tensor(logits).softmax(1).detach(), atol=1e-4)


def test_fast_is_whitened_and_starts_as_it_says() -> None:
    torch.manual_seed(0)
    network = make(Shape(16, 16, 3, 10, 8, 0.0, "fast"))
    noise = torch.randn(600, 3, 17, 17)
    images = (128 + 40 * (noise[..., 1:, 1:] + noise[..., :-1, :-1])).clamp(0, 255)  # neighbours hang together
    network.standardise(images)
    said = network.trunk[0]((images - network.mean) / network.std).transpose(0, 1).flatten(1)
    covariance = (said @ said.T / said.shape[1])[:12, :12]
    torch.testing.assert_close(covariance, torch.eye(12), atol=0.05, rtol=0)
    torch.testing.assert_close(said[12:], -said[:12], atol=1e-3, rtol=1e-3)
    frozen = [name for name, weight in network.named_parameters() if not weight.requires_grad]
    assert "trunk.0.weight" in frozen
    assert "trunk.0.bias" not in frozen


def test_the_papers_widths() -> None:
    linear = [layer for layer in make(Shape(28, 28, 1, 10, 300, 0.0, "mlp")).modules() if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in linear] == [300, 301, 302, 303, 10]
    assert [layer.bias is None for layer in linear] == [True, True, True, True, False]
    twelve = make(Shape(32, 32, 3, 10, 128, 0.0, "convnet12"))
    filters = [layer.out_channels for layer in twelve.modules() if isinstance(layer, nn.Conv2d)]
    assert filters == [128, 128, 128, 256, 256, 256, 512, 256, 128]
    residual = make(Shape(32, 32, 3, 10, 64, 0.0, "resnet18"))
    assert sum(weight.numel() for weight in residual.parameters()) == 11_173_962


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"'vgg'.*convnet, mlp"):
        make(Shape(8, 8, 1, 2, 4, 0.0, "vgg"))
