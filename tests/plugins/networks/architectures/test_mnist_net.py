"""`mnist-net`: weights, image sizes, and the layers of the programs that it comes from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from nextlabel_plugins.networks.architectures.factory import build_network
from nextlabel_plugins.networks.architectures.mnist_net import MnistNet
from nextlabel_plugins.networks.architectures.network import Shape
from nextlabel_plugins.networks.inference.bn_folding import fold_network
from nextlabel_plugins.networks.inference.onnx_graph import write_onnx
from nextlabel_plugins.networks.inference.tta import tta_views


def network(height: int = 28, width: int = 28, channels: int = 1, filters: int = 32) -> MnistNet:
    torch.manual_seed(0)
    built = build_network(Shape(height, width, channels, 10, filters, 0.5, "mnist-net"))
    assert isinstance(built, MnistNet)
    return built


def plain(built: MnistNet) -> nn.Sequential:
    """Return the network written layer by layer, with the weights of `built`."""
    layers = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.25),
        nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )  # fmt: skip
    weights = [parameter.detach().clone() for parameter in built.parameters()]
    for parameter, weight in zip(layers.parameters(), weights, strict=True):
        parameter.data = weight
    return layers


def test_the_number_of_weights() -> None:
    built = network()
    assert sum(parameter.numel() for parameter in built.parameters()) == 1_199_882
    assert [tuple(parameter.shape) for parameter in built.parameters() if parameter.ndim > 1] == [
        (32, 1, 3, 3),
        (64, 32, 3, 3),
        (128, 9216),
        (10, 128),
    ]


def test_it_computes_what_the_plain_layers_do() -> None:
    built = network()
    built.scale_inputs_symmetrically()
    images = torch.randint(0, 256, (5, 1, 28, 28), generator=torch.Generator().manual_seed(0)).float()
    expected = plain(built).eval()(images / 127.5 - 1)
    torch.testing.assert_close(built.eval()(images), expected, atol=1e-5, rtol=1e-5)


def test_inputs_are_scaled_from_minus_one_to_one() -> None:
    built = network()
    built.scale_inputs_symmetrically()
    torch.testing.assert_close(built.scale(torch.tensor([0.0, 127.5, 255.0])).flatten(), torch.tensor([-1.0, 0.0, 1.0]))


@pytest.mark.parametrize("size", [(6, 6), (7, 30), (28, 28), (33, 8)])
def test_images_of_any_size_that_leaves_a_pixel(size: tuple[int, int], tmp_path: Path) -> None:
    built = network(*size, channels=3, filters=4).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (7, *size, 3), np.uint8)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    logits = built(images)
    assert logits.shape == (7, 10)
    folded = fold_network(built)
    torch.testing.assert_close(folded(images), logits, atol=1e-4, rtol=1e-4)
    write_onnx(folded, tta_views("none"), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(None, {"input": pixels})
    np.testing.assert_allclose(probabilities, logits.softmax(dim=1).detach().numpy(), atol=1e-4)


@pytest.mark.parametrize("size", [(5, 28), (28, 5), (1, 1)])
def test_smaller_images_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"at least 6 x 6 pixels, not {size[0]} x {size[1]}"):
        network(*size)
