"""Writes a network as an ONNX graph, from pixels to probabilities.

The graph is built layer by layer, in milliseconds. torch's own exporter takes longer than a
round of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from nextlabel_plugins.networks.architectures.network import ImageNetwork
from nextlabel_plugins.networks.architectures.residual import PreActivation, Residual
from nextlabel_plugins.networks.inference.bn_folding import ChannelAffine
from nextlabel_plugins.networks.inference.tta import View

OPSET = 20
"""The first operator set that has Gelu."""
IR_VERSION = 9
"""File format version of ONNX 1.15, which every supported ONNX Runtime reads."""


class Graph:
    """Nodes and weights of a graph under construction. Each node's input is the output of the last by default."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.last = "input"

    def weight(self, array: Any, kind: type = np.float32) -> str:
        """Add an array as a constant and return its name."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array, kind), name))
        return name

    def add(self, operator: str, *more_inputs: str, result: str | None = None, **attributes: Any) -> str:
        """Add a node that takes the last output and `more_inputs`; return the name of its output."""
        output = result or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, [self.last, *more_inputs], [output], **attributes))
        self.last = output
        return output

    def add_layer(self, layer: nn.Module) -> None:
        """Add a layer of torch. Raises TypeError for a layer without an ONNX equivalent here."""
        match layer:
            case nn.Sequential() | Residual() | PreActivation():
                self._add_block(layer)
            case nn.Conv2d():
                top, left = (int(side) for side in layer.padding)
                self.add(
                    "Conv",
                    *self._weights(layer),
                    pads=[top, left, top, left],
                    strides=list(layer.stride),
                )
            case nn.Linear():
                self.add("Gemm", *self._weights(layer), transB=1)
            case nn.LeakyReLU():
                self.add("LeakyRelu", alpha=layer.negative_slope)
            case nn.GELU(approximate="none"):
                self.add("Gelu")
            case nn.MaxPool2d():
                self.add("MaxPool", kernel_shape=[layer.kernel_size] * 2, strides=[layer.stride] * 2)
            case nn.AdaptiveMaxPool2d(output_size=1):
                self.add("GlobalMaxPool")
            case nn.AdaptiveAvgPool2d(output_size=1):
                self.add("GlobalAveragePool")
            case _:
                self._add_plain(layer)

    def _weights(self, layer: nn.Conv2d | nn.Linear) -> list[str]:
        return [self.weight(weight.detach()) for weight in (layer.weight, layer.bias) if weight is not None]

    def _add_block(self, block: nn.Sequential | Residual | PreActivation) -> None:
        if isinstance(block, nn.Sequential):
            for layer in block:
                self.add_layer(layer)
            return
        block_input = self.last
        if isinstance(block, PreActivation):
            self.add_layer(block.activation)
            block_input = self.last if block.shared else block_input
        self.add_layer(block.body)
        body, self.last = self.last, block_input
        self.add_layer(block.shortcut)
        self.add("Add", body)
        if isinstance(block, Residual):
            self.add("Relu")

    def _add_plain(self, layer: nn.Module) -> None:
        if isinstance(layer, ChannelAffine):
            self.add("Mul", self.weight(layer.factor))
            self.add("Add", self.weight(layer.shift))
            return
        operators = {nn.Flatten: "Flatten", nn.ReLU: "Relu"}
        if type(layer) not in operators:
            raise TypeError(f"{type(layer).__name__} cannot be written as ONNX here")
        self.add(operators[type(layer)])

    def add_views(self, views: Sequence[View], width: int) -> None:
        """Add nodes that stack the views of n images (n, c, h, w) to (v n, c, h, w)."""
        image, outputs = self.last, []
        for view in views:
            self.last = image
            if view.shift:
                self.add("Pad", self.weight([0, 0, 1, 1, 0, 0, 1, 1], np.int64), mode="reflect")
                top = 1 - view.shift
                self._slice([top, top], [top - 2 or _END, top - 2 or _END], [2, 3], [1, 1])
            if view.flip:
                self._slice([width - 1], [-_END], [3], [-1])
            outputs.append(self.last)
        if len(outputs) > 1:
            self.last = outputs[0]
            self.add("Concat", *outputs[1:], axis=0)

    def add_average(self, views: Sequence[View], dimensions: int) -> None:
        """Add nodes that average the embeddings (v n, D) of stacked views to (n, D)."""
        if len(views) > 1:
            self.add("Reshape", self.weight([len(views), -1, dimensions], np.int64))
            self.add("Mul", self.weight(np.array([view.weight for view in views]).reshape(-1, 1, 1)))
            self.add("ReduceSum", self.weight([0], np.int64), keepdims=0)

    def _slice(self, starts: list[int], ends: list[int], axes: list[int], steps: list[int]) -> None:
        self.add("Slice", *(self.weight(numbers, np.int64) for numbers in (starts, ends, axes, steps)))


_END = 1 << 30
"""An index beyond any image; as the end of a slice it means the last pixel, and negated the first."""


def write_onnx(network: ImageNetwork, views: Sequence[View], path: Path) -> None:
    """Write a folded `network`: `input` (n, h, w, c) uint8 to `probabilities` (n, classes)."""
    shape = network.shape
    graph = Graph()
    graph.add("Cast", to=TensorProto.FLOAT)
    graph.add("Transpose", perm=[0, 3, 1, 2])
    graph.add("Sub", graph.weight(network.mean))
    graph.add("Div", graph.weight(network.std))
    graph.add_views(views, shape.width)
    graph.add_layer(network.trunk)
    graph.add_average(views, network.embedding)
    graph.add_layer(network.head)
    graph.add("Softmax", result="probabilities", axis=1)
    image = helper.make_tensor_value_info("input", TensorProto.UINT8, ["n", shape.height, shape.width, shape.channels])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", shape.classes])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "network", [image], [probabilities], graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)
