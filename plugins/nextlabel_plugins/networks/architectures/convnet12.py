"""The twelve-layer network of Laine and Aila, "Temporal ensembling for semi-supervised learning", ICLR 2017."""

from __future__ import annotations

from torch import nn

from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape

NEGATIVE_SLOPE = 0.1
MIN_POOLED_SIDE = 6
"""Smallest side in pixels that is still pooled, so that the unpadded convolution still fits."""


class ConvNet12(ImageNetwork):
    """Three convolutions of f filters, three of 2f, then 4f, 2f and f, averaged; f = `shape.filters` (128).

    All are 3 x 3 except the last two, which are 1 x 1. The seventh has no padding.
    """

    def __init__(self, shape: Shape) -> None:
        base, side = shape.filters, min(shape.height, shape.width)
        layers: list[nn.Module] = []
        inputs = shape.channels
        for width in (base, 2 * base):
            for _ in range(3):
                layers += _layer(inputs, width, 3, 1)
                inputs = width
            if side >= MIN_POOLED_SIDE:
                layers += [nn.MaxPool2d(2), nn.Dropout2d(0.25)]
                side //= 2
        layers += _layer(inputs, 4 * base, 3, 0 if side > 2 else 1)  # noqa: PLR2004 - a 3 x 3 kernel must fit
        layers += _layer(4 * base, 2 * base, 1, 0)
        layers += _layer(2 * base, base, 1, 0)
        super().__init__(shape, nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), base)


def _layer(inputs: int, outputs: int, kernel_size: int, padding: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel_size, padding=padding, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(NEGATIVE_SLOPE),
    ]
