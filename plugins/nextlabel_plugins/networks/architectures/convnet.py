"""A small convolutional network for images of any size."""

from __future__ import annotations

from torch import nn

from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape

MAX_SIDE, MIN_SIDE = 16, 4
"""Sides in pixels between which a convolution precedes each pooling. Larger images are only pooled."""


class ConvNet(ImageNetwork):
    """3 x 3 convolutions with batch norm, pooled while the shorter side is at least 4.

    The number of filters doubles with each pooling, up to eight times `shape.filters`.
    """

    def __init__(self, shape: Shape) -> None:
        channels, filters, height, width = shape.channels, shape.filters, shape.height, shape.width
        layers = _layer(channels, filters)
        channels = filters
        while min(height, width) > MAX_SIDE:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
        while min(height, width) >= MIN_SIDE:
            filters = min(filters * 2, shape.filters * 8)
            layers += _layer(channels, filters)
            layers.append(nn.MaxPool2d(2))
            channels, height, width = filters, height // 2, width // 2
        super().__init__(shape, nn.Sequential(*layers, nn.Flatten()), channels * height * width)


def _layer(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
