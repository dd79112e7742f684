"""The wide residual network of semi-supervised learning (Zagoruyko and Komodakis, "Wide residual networks", 2016)."""

from __future__ import annotations

from torch import nn

from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape
from nextlabel_plugins.networks.architectures.residual import PointwiseConv2d, PreActivation

BLOCKS = 4
"""Blocks in each of three groups: 28 layers."""
NEGATIVE_SLOPE = 0.1


class WideResNet(ImageNetwork):
    """WRN-28-2: a convolution with f filters, then three groups of four blocks; f = `shape.filters` (16).

    The groups have 2f, 4f and 8f filters. Batch norm and activations are those of FixMatch (Sohn et al., NeurIPS 2020).
    The first block activates the input of its shortcut too. With 10 classes and f = 16 it has 1,467,610 weights.
    """

    def __init__(self, shape: Shape) -> None:
        inputs = shape.filters
        layers: list[nn.Module] = [_convolution(shape.channels, inputs, 3, 1)]
        for group in range(3):
            width = 2 * shape.filters << group
            for block in range(BLOCKS):
                stride = 2 if group > 0 and block == 0 else 1
                layers.append(_block(inputs, width, stride, shared=group == 0 and block == 0))
                inputs = width
        layers += [*_activation(inputs), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        super().__init__(shape, nn.Sequential(*layers), inputs)
        nn.init.xavier_normal_(self.head.weight)
        nn.init.zeros_(self.head.bias)


def _block(inputs: int, width: int, stride: int, *, shared: bool) -> PreActivation:
    body = [_convolution(inputs, width, 3, stride), *_activation(width), _convolution(width, width, 3, 1)]
    shortcut = [] if inputs == width else [_convolution(inputs, width, 1, stride)]
    return PreActivation(_activation(inputs), nn.Sequential(*body), nn.Sequential(*shortcut), shared=shared)


def _activation(width: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(width, momentum=0.001, eps=1e-3), nn.LeakyReLU(NEGATIVE_SLOPE))


def _convolution(inputs: int, width: int, kernel_size: int, stride: int) -> nn.Conv2d:
    kind = PointwiseConv2d if kernel_size == 1 else nn.Conv2d
    layer = kind(inputs, width, kernel_size, stride, padding=kernel_size // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="leaky_relu")
    return layer
