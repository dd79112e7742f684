"""The networks there are, by name."""

from __future__ import annotations

from nextlabel_plugins.networks.convnet import ConvNet
from nextlabel_plugins.networks.convnet12 import ConvNet12
from nextlabel_plugins.networks.fast import Fast
from nextlabel_plugins.networks.mlp import MLP
from nextlabel_plugins.networks.network import ImageNetwork, Shape
from nextlabel_plugins.networks.resnet18 import ResNet18


def make(shape: Shape) -> ImageNetwork:
    """Return a new network of `shape.kind`. Raise ValueError for one there is not."""
    kinds: dict[str, type[ConvNet | MLP | ConvNet12 | ResNet18 | Fast]] = {
        "convnet": ConvNet,
        "mlp": MLP,
        "convnet12": ConvNet12,
        "resnet18": ResNet18,
        "fast": Fast,
    }
    if shape.kind not in kinds:
        raise ValueError(f"no network is called {shape.kind!r}; there are {', '.join(kinds)}")
    return kinds[shape.kind](shape)
