"""A network of plain layers as an ONNX graph, pixels to probabilities.

Built layer by layer, in milliseconds: torch's own exporter takes longer than a round's training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from nextlabel_plugins.networks.convnet import ConvNet

OPSET = 17
IR = 9
"""Of ONNX 1.14: what every ONNX Runtime we accept reads."""


class Graph:
    """Nodes in a row: each takes what the last gave."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.last = "input"

    def add(self, kind: str, *weights: Tensor, result: str | None = None, **attributes: Any) -> None:
        """Add a node of `kind` with `weights` beside its input."""
        names = []
        for weight in weights:
            names.append(f"w{len(self.weights)}")
            array = np.ascontiguousarray(weight.detach().numpy(), np.float32)
            self.weights.append(numpy_helper.from_array(array, names[-1]))
        output = result or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *names], [output], **attributes))
        self.last = output

    def add_layer(self, layer: nn.Module) -> None:
        """Add a layer of torch's. Raise TypeError for one that is not known here."""
        match layer:
            case nn.Conv2d():
                assert layer.bias is not None
                top, left = (int(side) for side in layer.padding)
                self.add("Conv", layer.weight, layer.bias, pads=[top, left, top, left], strides=list(layer.stride))
            case nn.Linear():
                self.add("Gemm", layer.weight, layer.bias, transB=1)
            case nn.ReLU():
                self.add("Relu")
            case nn.MaxPool2d():
                self.add("MaxPool", kernel_shape=[layer.kernel_size] * 2, strides=[layer.stride] * 2)
            case nn.Flatten():
                self.add("Flatten")
            case _:
                raise TypeError(f"{type(layer).__name__} has no ONNX node here")


def write_onnx(network: ConvNet, path: Path) -> None:
    """Write a folded `network`: uint8 (n, h, w, c) `input` to `probabilities` (n, classes)."""
    shape = network.shape
    graph = Graph()
    graph.add("Cast", to=TensorProto.FLOAT)
    graph.add("Transpose", perm=[0, 3, 1, 2])
    graph.add("Sub", network.mean)
    graph.add("Div", network.std)
    for layer in (*network.trunk, network.head):
        graph.add_layer(layer)
    graph.add("Softmax", result="probabilities", axis=1)
    picture = helper.make_tensor_value_info(
        "input", TensorProto.UINT8, ["n", shape.height, shape.width, shape.channels]
    )
    answer = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", shape.classes])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "network", [picture], [answer], graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)
