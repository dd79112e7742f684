"""The ONNX graph: outputs, and layers without an ONNX equivalent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from nextlabel_plugins.networks.architectures.convnet import ConvNet
from nextlabel_plugins.networks.architectures.network import Shape
from nextlabel_plugins.networks.inference.bn_folding import fold_network
from nextlabel_plugins.networks.inference.onnx_graph import Graph, write_onnx
from nextlabel_plugins.networks.inference.tta import tta_views


@pytest.mark.parametrize("size", [(8, 8, 1), (33, 40, 3), (2, 5, 3)])
def test_the_graph_maps_pixels_to_probabilities(tmp_path: Path, size: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    network = ConvNet(Shape(*size, classes=4, filters=4, dropout=0.3)).eval()
    network.fit_input_statistics(torch.randint(0, 256, (20, size[2], *size[:2])))
    folded = fold_network(network)
    write_onnx(folded, tta_views("none"), tmp_path / "model.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (7, *size), np.uint8)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probabilities"], {"input": pixels})
    expected = folded(torch.from_numpy(pixels).permute(0, 3, 1, 2).float()).softmax(1).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(TypeError, match="Tanh cannot be written as ONNX here"):
        Graph().add_layer(nn.Tanh())
