"""What the ONNX graphs of backbones share: convolutions with their batch norm, own classes, and the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from nextlabel_plugins.networks.inference.onnx_graph import IR_VERSION, OPSET, Graph

Weights = Mapping[str, np.ndarray[Any, Any]]
"""The arrays of a network, by the names of torch."""


def add_convolution(
    graph: Graph, weights: Weights, convolution: str, norm: str, *, stride: int, pads: tuple[int, int], epsilon: float
) -> None:
    """Add a convolution without bias, with its batch norm folded in.

    `pads` are the zeros before (top, left) and after (bottom, right); `epsilon` is that of the batch norm. A
    convolution with one input channel per filter is a depthwise one.
    """
    kernel = weights[f"{convolution}.weight"].astype(np.float64)
    gain = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"].astype(np.float64) + epsilon)
    before, after = pads
    graph.add(
        "Conv",
        graph.weight(kernel * gain[:, None, None, None]),
        graph.weight(weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * gain),
        kernel_shape=list(kernel.shape[2:]),
        strides=[stride, stride],
        pads=[before, before, after, after],
        group=len(kernel) if kernel.shape[1] == 1 else 1,
    )


def add_classes(graph: Graph, weights: Weights, layer: str) -> None:
    """Add the probabilities of the network's own classes, the softmax of a linear `layer` of the embeddings."""
    graph.add("Gemm", graph.weight(weights[f"{layer}.weight"]), graph.weight(weights[f"{layer}.bias"]), transB=1)
    graph.add("Softmax", result="probabilities", axis=1)


def save_graph(graph: Graph, name: str, sides: list[int] | list[str], outputs: Mapping[str, int], path: Path) -> None:
    """Write a graph that takes `input` (n, 3, *sides); `outputs` has the numbers per item of each output."""
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, *sides])
    infos = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", n]) for output, n in outputs.items()]
    model = helper.make_model(
        helper.make_graph(graph.nodes, name, [image], infos, graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)
