"""The two-convolution network that many programs on MNIST use."""

from __future__ import annotations

from torch import nn

from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape

MIN_SIDE = 6
"""Smallest side in pixels: two 3 x 3 convolutions without padding and a pooling leave one pixel of it."""
MAP_DROPOUT = 0.25
"""Share of the feature maps dropped in training."""


class MnistNet(ImageNetwork):
    """Convolutions with f and 2f filters (3 x 3, no padding), pooled to half, and a linear layer of 4f units.

    f = `shape.filters` (32). Whole maps are dropped after the pooling, and `shape.dropout` (0.5) of the
    units. With 28 x 28 x 1 pixels and 10 classes it has 1,199,882 weights.

    The second ReLU follows the pooling, which commutes with it, and so works on a quarter of the numbers.
    """

    def __init__(self, shape: Shape) -> None:
        """Raises ValueError if a side is below 6 pixels."""
        if min(shape.height, shape.width) < MIN_SIDE:
            raise ValueError(
                f"mnist-net takes images of at least {MIN_SIDE} x {MIN_SIDE} pixels, not {shape.height} x {shape.width}"
            )
        maps, units = 2 * shape.filters, 4 * shape.filters
        pooled = (shape.height - 4) // 2 * ((shape.width - 4) // 2)
        trunk = nn.Sequential(
            nn.Conv2d(shape.channels, shape.filters, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(shape.filters, maps, 3),
            nn.MaxPool2d(2),
            nn.ReLU(inplace=True),
            nn.Dropout2d(MAP_DROPOUT),
            nn.Flatten(),
            nn.Linear(maps * pooled, units),
            nn.ReLU(inplace=True),
        )
        super().__init__(shape, trunk, units)
        self.sampled_dropout = 5
