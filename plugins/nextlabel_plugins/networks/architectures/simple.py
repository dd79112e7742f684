"""The network of a first program with pseudo-labels: one convolution and a linear layer."""

from __future__ import annotations

from torch import nn

from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape


class Simple(ImageNetwork):
    """A 3 x 3 convolution with padding and `shape.filters` (32) filters, a ReLU, and the linear layer of the classes.

    The embedding of an image has `shape.filters` numbers per pixel.
    """

    def __init__(self, shape: Shape) -> None:
        trunk = nn.Sequential(
            nn.Conv2d(shape.channels, shape.filters, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
        )
        super().__init__(shape, trunk, shape.filters * shape.height * shape.width)
