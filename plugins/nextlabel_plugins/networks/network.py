"""What every network of images here has: a shape, standardised input, a trunk and a linear head."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nextlabel_plugins.networks.folding import folded


@dataclass(frozen=True)
class Shape:
    """What a network is built from; plain JSON as a dict."""

    height: int
    width: int
    channels: int
    classes: int
    filters: int
    """Of the first convolution; later ones have a multiple of it."""
    dropout: float
    """Share of the embedding left out in training."""
    kind: str = "convnet"
    """Which network: see `kinds.make`."""

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.channels, self.classes, self.filters) < 1:
            raise ValueError(f"a network of no size: {self}")

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, description: Mapping[str, Any]) -> Shape:
        """Read what `to_json` gave."""
        return cls(**description)


class ImageNetwork(nn.Module):
    """Images (b, channels, height, width) in 0..255, as float, to logits (b, classes).

    The embedding (b, D) is what `trunk` gives; the logits are linear in it.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, shape: Shape, trunk: nn.Sequential, embedding: int, *, bias: bool = True) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("mean", torch.zeros(shape.channels, 1, 1))
        self.register_buffer("std", torch.ones(shape.channels, 1, 1))
        self.trunk = trunk
        self.embedding = embedding
        self.dropout = nn.Dropout(shape.dropout)
        self.head = nn.Linear(embedding, shape.classes, bias=bias)

    def embed(self, images: Tensor) -> Tensor:
        """Return embeddings (b, D)."""
        embeddings: Tensor = self.trunk((images - self.mean) / self.std)
        return embeddings

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (b, classes)."""
        logits: Tensor = self.head(self.dropout(self.embed(images)))
        return logits

    def standardise(self, images: Tensor) -> None:
        """Take the mean and deviation of each channel of `images` (n, c, h, w) as those to scale by."""
        # in pieces: 50,000 images in double precision are 1.2 GB
        count = images.numel() / images.shape[1]
        total = torch.zeros(images.shape[1], dtype=torch.float64)
        squares = torch.zeros_like(total)
        for piece in torch.split(images, 4096):
            numbers = piece.double()
            total += numbers.sum(dim=(0, 2, 3))
            squares += numbers.square().sum(dim=(0, 2, 3))
        mean = total / count
        std = (squares / count - mean.square()).clamp(min=0).sqrt()
        self.mean.copy_(mean.view(-1, 1, 1))
        self.std.copy_(std.clamp(min=1.0).view(-1, 1, 1))

    def folded(self) -> ImageNetwork:
        """Return a copy for prediction, with each batch normalisation folded into the layer before it."""
        network = copy.deepcopy(self).eval().requires_grad_(requires_grad=False)
        network.trunk = folded(network.trunk)
        return network.to(memory_format=torch.channels_last)
