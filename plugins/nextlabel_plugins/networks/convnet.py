"""A small convolutional network for images of any size."""

from __future__ import annotations

from torch import nn

from nextlabel_plugins.networks.network import ImageNetwork, Shape

LARGEST, SMALLEST = 16, 4
"""Sides between which every halving comes with a convolution; above, images are halved alone."""


class ConvNet(ImageNetwork):
    """Convolutions of 3 x 3 with batch normalisation, halved while the shorter side is 4 or more.

    The filters are doubled at each halving of the image, up to eight times.
    """

    def __init__(self, shape: Shape) -> None:
        channels, filters, height, width = shape.channels, shape.filters, shape.height, shape.width
        layers = _layer(channels, filters)
        channels = filters
        while min(height, width) > LARGEST:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
        while min(height, width) >= SMALLEST:
            filters = min(filters * 2, shape.filters * 8)
            layers += _layer(channels, filters)
            layers.append(nn.MaxPool2d(2))
            channels, height, width = filters, height // 2, width // 2
        super().__init__(shape, nn.Sequential(*layers, nn.Flatten()), channels * height * width)


def _layer(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
