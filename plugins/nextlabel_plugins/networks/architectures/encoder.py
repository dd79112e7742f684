"""The encoder of an autoencoder, with a linear layer for the classes on its codes."""

from __future__ import annotations

from torch import nn

from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape


class Encoder(ImageNetwork):
    """A linear layer from the pixels, scaled to 0..1, to `shape.filters` (32) units, and a ReLU: the embedding."""

    def __init__(self, shape: Shape) -> None:
        pixels = shape.channels * shape.height * shape.width
        trunk = nn.Sequential(nn.Flatten(), nn.Linear(pixels, shape.filters), nn.ReLU())
        super().__init__(shape, trunk, shape.filters)
        self.std.fill_(255.0)
