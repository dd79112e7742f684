"""A network of plain layers as an ONNX graph, pixels to probabilities.

Built layer by layer, in milliseconds: torch's own exporter takes longer than a round's training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from nextlabel_plugins.networks.averaging import View
from nextlabel_plugins.networks.network import ImageNetwork
from nextlabel_plugins.networks.residual import Residual

OPSET = 20
"""The first that has Gelu."""
IR = 9
"""Of ONNX 1.15: what every ONNX Runtime we accept reads."""


class Graph:
    """Nodes and weights; each node takes what the last gave, unless told otherwise."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.last = "input"

    def weight(self, array: Any, kind: type = np.float32) -> str:
        """Keep an array and return its name."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array, kind), name))
        return name

    def add(self, kind: str, *beside: str, result: str | None = None, **attributes: Any) -> str:
        """Add a node of `kind` that also takes `beside`; return the name of what it gives."""
        output = result or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *beside], [output], **attributes))
        self.last = output
        return output

    def add_layer(self, layer: nn.Module) -> None:
        """Add a layer of torch's. Raise TypeError for one that is not known here."""
        match layer:
            case nn.Sequential() | Residual():
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

    def _add_block(self, block: nn.Sequential | Residual) -> None:
        if isinstance(block, nn.Sequential):
            for layer in block:
                self.add_layer(layer)
            return
        before = self.last
        self._add_block(block.body)
        body, self.last = self.last, before
        self._add_block(block.shortcut)
        self.add("Add", body)
        self.add("Relu")

    def _add_plain(self, layer: nn.Module) -> None:
        kinds = {nn.Flatten: "Flatten", nn.ReLU: "Relu"}
        if type(layer) not in kinds:
            raise TypeError(f"{type(layer).__name__} has no ONNX node here")
        self.add(kinds[type(layer)])

    def add_views(self, views: Sequence[View], width: int) -> None:
        """Add what stacks the views of n images (n, c, h, w) to (v n, c, h, w)."""
        image, outputs = self.last, []
        for view in views:
            self.last = image
            if view.shift:
                self.add("Pad", self.weight([0, 0, 1, 1, 0, 0, 1, 1], np.int64), mode="reflect")
                top = 1 - view.shift
                self._slice([top, top], [top - 2 or _END, top - 2 or _END], [2, 3], [1, 1])
            if view.mirrored:
                self._slice([width - 1], [-_END], [3], [-1])
            outputs.append(self.last)
        if len(outputs) > 1:
            self.last = outputs[0]
            self.add("Concat", *outputs[1:], axis=0)

    def add_average(self, views: Sequence[View], dimensions: int) -> None:
        """Add what averages the embeddings (v n, D) of stacked views to (n, D)."""
        if len(views) > 1:
            self.add("Reshape", self.weight([len(views), -1, dimensions], np.int64))
            self.add("Mul", self.weight(np.array([view.weight for view in views]).reshape(-1, 1, 1)))
            self.add("ReduceSum", self.weight([0], np.int64), keepdims=0)

    def _slice(self, starts: list[int], ends: list[int], axes: list[int], steps: list[int]) -> None:
        self.add("Slice", *(self.weight(numbers, np.int64) for numbers in (starts, ends, axes, steps)))


_END = 1 << 30
"""Beyond any image: to the end, or with a minus to the start."""


def write_onnx(network: ImageNetwork, views: Sequence[View], path: Path) -> None:
    """Write a folded `network`: uint8 (n, h, w, c) `input` to `probabilities` (n, classes)."""
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
    answer = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", shape.classes])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "network", [image], [answer], graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)
