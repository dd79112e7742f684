"""The ONNX graph, apart from what conformance checks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from nextlabel_plugins.networks.averaging import views
from nextlabel_plugins.networks.convnet import ConvNet
from nextlabel_plugins.networks.network import Shape
from nextlabel_plugins.networks.onnx_graph import Graph, write_onnx


@pytest.mark.parametrize("size", [(8, 8, 1), (33, 40, 3), (2, 5, 3)])
def test_pixels_to_probabilities(tmp_path: Path, size: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    network = ConvNet(Shape(*size, classes=4, filters=4, dropout=0.3)).eval()
    network.standardise(torch.randint(0, 256, (20, size[2], *size[:2])))
    folded = network.folded()
    write_onnx(folded, views("none"), tmp_path / "model.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (7, *size), np.uint8)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (said,) = session.run(["probabilities"], {"input": pixels})
    expected = folded(torch.from_numpy(pixels).permute(0, 3, 1, 2).float()).softmax(1).numpy()
    np.testing.assert_allclose(said, expected, atol=1e-5)


def test_a_layer_it_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="Tanh has no ONNX node here"):
        Graph().add_layer(nn.Tanh())
