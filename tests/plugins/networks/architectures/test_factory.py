"""Every network: input sizes, batch-norm folding, ONNX and the published widths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from nextlabel_plugins.networks.architectures.factory import build_network
from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape
from nextlabel_plugins.networks.inference.bn_folding import fold_network
from nextlabel_plugins.networks.inference.onnx_graph import write_onnx
from nextlabel_plugins.networks.inference.tta import tta_views

KINDS = ("convnet", "mlp", "convnet12", "resnet18", "fast", "simple", "encoder", "wideresnet")


def trained_network(kind: str, size: tuple[int, int], channels: int = 3) -> ImageNetwork:
    """Return a network whose batch-norm statistics are those of random images."""
    torch.manual_seed(0)
    network = build_network(Shape(*size, channels, 4, 6, 0.0, kind))
    images = torch.randint(0, 256, (40, channels, *size), dtype=torch.uint8)
    network.fit_input_statistics(images)
    for _ in range(3):
        network.train()(images.float())
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.bias.data.normal_()
    return network.eval()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (4, 4), (7, 12), (8, 8), (28, 28), (33, 20)])
def test_images_of_any_size(kind: str, size: tuple[int, int]) -> None:
    network = trained_network(kind, size)
    images = torch.rand(2, 3, *size) * 255
    assert network(images).shape == (2, 4)
    assert network.embed(images).shape == (2, network.embedding)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tta", ["none", "flip", "flip-shift"])
def test_folded_and_onnx_forms_predict_the_same(kind: str, tta: str, tmp_path: Path) -> None:
    network = trained_network(kind, (12, 10))
    folded = fold_network(network)
    assert not any(isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d | nn.Dropout) for layer in folded.trunk.modules())
    pixels = np.random.default_rng(0).integers(0, 256, (7, 12, 10, 3), np.uint8)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    torch.testing.assert_close(folded(images), network(images), atol=1e-3, rtol=1e-3)
    views = tta_views(tta)
    logits = sum(network(view(images)) * view.weight for view in views)
    write_onnx(folded, views, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probabilities"], {"input": pixels})
    np.testing.assert_allclose(probabilities, torch.as_tensor(logits).softmax(1).detach(), atol=1e-4)


def test_airbench_whitens_its_input() -> None:
    torch.manual_seed(0)
    network = build_network(Shape(16, 16, 3, 10, 8, 0.0, "fast"))
    noise = torch.randn(600, 3, 17, 17)
    images = (128 + 40 * (noise[..., 1:, 1:] + noise[..., :-1, :-1])).clamp(
        0, 255
    )  # neighbouring pixels are correlated
    network.fit_input_statistics(images)
    whitened = network.trunk[0]((images - network.mean) / network.std).transpose(0, 1).flatten(1)
    covariance = (whitened @ whitened.T / whitened.shape[1])[:12, :12]
    torch.testing.assert_close(covariance, torch.eye(12), atol=0.05, rtol=0)
    torch.testing.assert_close(whitened[12:], -whitened[:12], atol=1e-3, rtol=1e-3)
    frozen = [name for name, weight in network.named_parameters() if not weight.requires_grad]
    assert "trunk.0.weight" in frozen
    assert "trunk.0.bias" not in frozen


def test_layers_have_the_widths_of_the_papers() -> None:
    linear = [
        layer
        for layer in build_network(Shape(28, 28, 1, 10, 300, 0.0, "mlp")).modules()
        if isinstance(layer, nn.Linear)
    ]
    assert [layer.out_features for layer in linear] == [300, 301, 302, 303, 10]
    assert [layer.bias is None for layer in linear] == [True, True, True, True, False]
    twelve = build_network(Shape(32, 32, 3, 10, 128, 0.0, "convnet12"))
    filters = [layer.out_channels for layer in twelve.modules() if isinstance(layer, nn.Conv2d)]
    assert filters == [128, 128, 128, 256, 256, 256, 512, 256, 128]
    residual = build_network(Shape(32, 32, 3, 10, 64, 0.0, "resnet18"))
    assert sum(weight.numel() for weight in residual.parameters()) == 11_173_962
    wide = build_network(Shape(32, 32, 3, 10, 16, 0.0, "wideresnet"))
    assert sum(weight.numel() for weight in wide.parameters()) == 1_467_610
    assert sum(isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3) for layer in wide.modules()) == 25


def test_an_unknown_kind_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(ValueError, match=r"'vgg'.*convnet, mlp"):
        build_network(Shape(8, 8, 1, 2, 4, 0.0, "vgg"))
