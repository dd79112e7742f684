"""ResNet-18 with the stem for small images (He et al., CVPR 2016)."""

from __future__ import annotations

from torch import nn

from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape
from nextlabel_plugins.networks.architectures.residual import PointwiseConv2d, Residual


class ResNet18(ImageNetwork):
    """A 3 x 3 convolution, then four stages of two blocks with f, 2f, 4f and 8f filters; f = `shape.filters` (64)."""

    def __init__(self, shape: Shape) -> None:
        inputs = shape.filters
        layers = [*_convolution(shape.channels, inputs, 3, 1), nn.ReLU()]
        for stage in range(4):
            width = shape.filters << stage
            layers.append(_block(inputs, width, 1 if stage == 0 else 2))
            layers.append(_block(width, width, 1))
            inputs = width
        super().__init__(shape, nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), inputs)


def _block(inputs: int, width: int, stride: int) -> Residual:
    body = [*_convolution(inputs, width, 3, stride), nn.ReLU(), *_convolution(width, width, 3, 1)]
    is_identity = stride == 1 and inputs == width
    shortcut = [] if is_identity else _convolution(inputs, width, 1, stride)
    return Residual(nn.Sequential(*body), nn.Sequential(*shortcut))


def _convolution(inputs: int, width: int, kernel_size: int, stride: int) -> list[nn.Module]:
    kind = PointwiseConv2d if kernel_size == 1 else nn.Conv2d
    layer = kind(inputs, width, kernel_size, stride, padding=kernel_size // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return [layer, nn.BatchNorm2d(width)]
