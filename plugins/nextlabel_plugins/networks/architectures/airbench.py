"""A small network in the style of airbench, the speed record on CIFAR-10.

Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nextlabel_plugins.networks.architectures.network import ImageNetwork, Shape

WHITENING_IMAGES = 5000
"""Number of images whose patches the whitening is computed from."""
WHITENING_EPSILON = 5e-4
"""Added to the variances, so that the whitening does not amplify noise."""
MIN_POOLED_SIDE = 2
"""Smallest side in pixels that is still pooled."""


class Airbench(ImageNetwork):
    """A frozen whitening of 2 x 2 patches, three pairs of convolutions (f, 4f and 4f filters), max pooling.

    f = `shape.filters` (64). Batch norm has no gain. The convolutions start as the identity on
    their first channels. The head has no bias and starts small.
    """

    def __init__(self, shape: Shape) -> None:
        side = min(shape.height, shape.width)
        patch = min(2, side)
        inputs = 2 * patch**2 * shape.channels
        layers: list[nn.Module] = [nn.Conv2d(shape.channels, inputs, patch), nn.GELU()]
        side -= patch - 1
        for width in (shape.filters, 4 * shape.filters, 4 * shape.filters):
            layers.append(_convolution(inputs, width))
            if side >= MIN_POOLED_SIDE:
                layers.append(nn.MaxPool2d(2))
                side //= 2
            layers += [_batch_norm(width), nn.GELU(), _convolution(width, width), _batch_norm(width), nn.GELU()]
            inputs = width
        super().__init__(shape, nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten()), inputs, bias=False)
        nn.init.normal_(self.head.weight, std=1 / inputs)
        nn.init.zeros_(self.whitening.bias)  # type: ignore[arg-type]
        self.whitening.weight.requires_grad = False

    @property
    def whitening(self) -> nn.Conv2d:
        """The first layer. Only its bias is trained."""
        layer = self.trunk[0]
        assert isinstance(layer, nn.Conv2d)
        return layer

    @torch.no_grad()
    def fit_input_statistics(self, images: Tensor, report: Callable[[], None] = lambda: None) -> None:
        """Also set the whitening: the patches' principal components with both signs, at equal variance."""
        super().fit_input_statistics(images, report)
        scaled = (images[:WHITENING_IMAGES].float() - self.mean) / self.std
        patch = int(self.whitening.kernel_size[0])
        patches = scaled.unfold(2, patch, 1).unfold(3, patch, 1).permute(0, 2, 3, 1, 4, 5).flatten(0, 2).flatten(1)
        variances, directions = torch.linalg.eigh((patches.T @ patches / len(patches)).double())
        filters = (directions / (variances.clamp(min=0) + WHITENING_EPSILON).sqrt()).T.float()
        filters = filters.reshape(-1, self.shape.channels, patch, patch)
        self.whitening.weight.copy_(torch.cat([filters, -filters]))


def _convolution(inputs: int, width: int) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, width, 3, padding=1, bias=False)
    nn.init.dirac_(layer.weight[: min(inputs, width)])  # the other filters keep torch's random initialisation
    return layer


def _batch_norm(width: int) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(width, momentum=0.4)
    layer.weight.requires_grad = False
    return layer
