"""A residual block (He et al., "Deep residual learning for image recognition", CVPR 2016)."""

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
