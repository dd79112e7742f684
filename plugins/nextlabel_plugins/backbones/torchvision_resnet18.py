"""ResNet-18 of torchvision (He, Zhang, Ren and Sun, CVPR 2016, table 1), trained on ImageNet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextlabel_plugins.backbones.torchvision_weights import EPSILON, TorchvisionBackbone

if TYPE_CHECKING:
    from nextlabel_plugins.networks.inference.backbone_graph import Weights
    from nextlabel_plugins.networks.inference.onnx_graph import Graph

_STAGES, _BLOCKS = 4, 2


class TorchvisionResNet18(TorchvisionBackbone):
    """Embeds an image as the 512 numbers before the layer `fc` of ResNet-18."""

    network = "resnet18"
    weights = "IMAGENET1K_V1"
    dimensions = 512
    classifier = "fc"

    def add_network(self, graph: Graph, weights: Weights) -> None:
        """Add all layers, with the batch norms folded into the convolutions."""
        _convolution(graph, weights, "conv1", "bn1", stride=2)
        graph.add("Relu")
        graph.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        for stage in range(1, _STAGES + 1):
            for block in range(_BLOCKS):
                _add_block(graph, weights, f"layer{stage}.{block}", stride=2 if stage > 1 and block == 0 else 1)
        graph.add("GlobalAveragePool")
        graph.add("Flatten", result="embeddings")


def _add_block(graph: Graph, weights: Weights, name: str, *, stride: int) -> None:
    """Add two 3 x 3 convolutions and the shortcut around them, which is 1 x 1 where the shape changes."""
    shortcut = graph.last
    _convolution(graph, weights, f"{name}.conv1", f"{name}.bn1", stride=stride)
    graph.add("Relu")
    _convolution(graph, weights, f"{name}.conv2", f"{name}.bn2")
    body = graph.last
    if f"{name}.downsample.0.weight" in weights:
        graph.last = shortcut
        _convolution(graph, weights, f"{name}.downsample.0", f"{name}.downsample.1", stride=stride)
        shortcut, graph.last = graph.last, body
    graph.add("Add", shortcut)
    graph.add("Relu")


def _convolution(graph: Graph, weights: Weights, name: str, norm: str, *, stride: int = 1) -> None:
    """Add a convolution, padded by half its kernel on all sides."""
    from nextlabel_plugins.networks.inference.backbone_graph import add_convolution  # noqa: PLC0415 - imports torch

    half = weights[f"{name}.weight"].shape[2] // 2
    add_convolution(graph, weights, name, norm, stride=stride, pads=(half, half), epsilon=EPSILON)
