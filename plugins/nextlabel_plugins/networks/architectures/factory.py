"""Builds networks by name."""

from __future__ import annotations

from nextlabel_plugins.networks.architectures.airbench import Airbench
from nextlabel_plugins.networks.architectures.convnet import ConvNet
from nextlabel_plugins.networks.architectures.convnet12 import ConvNet12
from nextlabel_plugins.networks.architectures.encoder import Encoder
from nextlabel_plugins.networks.architectures.mlp import MLP
from nextlabel_plugins.networks.architectures.mnist_net import MnistNet
from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape
from nextlabel_plugins.networks.architectures.resnet18 import ResNet18
from nextlabel_plugins.networks.architectures.simple import Simple
from nextlabel_plugins.networks.architectures.wideresnet import WideResNet


def build_network(shape: Shape) -> ImageNetwork:
    """Return a new network of the kind `shape.kind`. Raises ValueError if the kind is unknown."""
    # these names are stored in checkpoints and project files
    networks: dict[
        str, type[ConvNet | MLP | ConvNet12 | ResNet18 | Airbench | MnistNet | Simple | Encoder | WideResNet]
    ] = {
        "convnet": ConvNet,
        "mlp": MLP,
        "convnet12": ConvNet12,
        "resnet18": ResNet18,
        "fast": Airbench,
        "mnist-net": MnistNet,
        "simple": Simple,
        "encoder": Encoder,
        "wideresnet": WideResNet,
    }
    if shape.kind not in networks:
        raise ValueError(f"there is no network {shape.kind!r}; valid: {', '.join(networks)}")
    return networks[shape.kind](shape)
