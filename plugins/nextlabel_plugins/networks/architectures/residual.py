"""Residual blocks: the original one, and the one that normalises and activates its input first.

He et al., "Deep residual learning for image recognition", CVPR 2016, and "Identity mappings in deep
residual networks", ECCV 2016.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Residual(nn.Module):
    """Computes relu(body(x) + shortcut(x)); an empty shortcut is the identity."""

    def __init__(self, body: nn.Sequential, shortcut: nn.Sequential) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, images: Tensor) -> Tensor:
        """Return feature maps (b, channels, h, w)."""
        return functional.relu(self.body(images) + self.shortcut(images))


class PreActivation(nn.Module):
    """Computes body(activation(x)) + shortcut(x), or with `shared` body(activation(x)) + shortcut(activation(x)).

    An empty shortcut is the identity.
    """

    def __init__(
        self, activation: nn.Sequential, body: nn.Sequential, shortcut: nn.Sequential, *, shared: bool
    ) -> None:
        super().__init__()
        self.activation = activation
        self.body = body
        self.shortcut = shortcut
        self.shared = shared

    def forward(self, images: Tensor) -> Tensor:
        """Return feature maps (b, channels, h, w)."""
        active = self.activation(images)
        maps: Tensor = self.body(active) + self.shortcut(active if self.shared else images)
        return maps


class PointwiseConv2d(nn.Conv2d):
    """A 1 x 1 convolution that leaves out the skipped pixels itself.

    oneDNN corrupts memory in the backward pass of a strided one with fewer than 8 input channels on a CPU
    without AVX-512.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Return feature maps (b, channels, h, w)."""
        rows, columns = self.stride
        return functional.conv2d(images[:, :, ::rows, ::columns], self.weight, self.bias)
