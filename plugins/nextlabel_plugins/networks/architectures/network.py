"""Base class of all image networks: standardised input, a trunk that gives an embedding, a linear head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

CHUNK = 2**24
"""Numbers of the training images that are converted to double precision at a time."""


@dataclass(frozen=True)
class Shape:
    """Arguments that a network is built from. As a dict it is plain JSON, and checkpoints store it."""

    height: int
    width: int
    channels: int
    classes: int
    filters: int
    """Filters of the first convolution; later layers have a multiple of it."""
    dropout: float
    """Share of the embedding dropped in training."""
    kind: str = "convnet"
    """Name of the architecture, see `factory.build_network`."""

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.channels, self.classes, self.filters) < 1:
            raise ValueError(f"every size of a network must be at least 1: {self}")

    def to_json(self) -> dict[str, Any]:
        """Return the shape as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, description: Mapping[str, Any]) -> Shape:
        """Return the shape that `to_json` was called on."""
        return cls(**description)


class ImageNetwork(nn.Module):
    """Maps images (b, channels, height, width), float in 0..255, to logits (b, classes).

    `trunk` computes the embedding (b, D); the logits are linear in it.
    """

    mean: Tensor
    std: Tensor
    sampled_dropout: int | None = None
    """Index in `trunk` of a dropout of whole maps that Monte Carlo samples draw too, besides that of the embedding."""

    def __init__(self, shape: Shape, trunk: nn.Sequential, embedding: int, *, bias: bool = True) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("mean", torch.zeros(shape.channels, 1, 1))
        self.register_buffer("std", torch.ones(shape.channels, 1, 1))
        self.trunk = trunk
        self.embedding = embedding
        self.dropout = nn.Dropout(shape.dropout)
        self.head = nn.Linear(embedding, shape.classes, bias=bias)

    def scale(self, images: Tensor) -> Tensor:
        """Return the input of the trunk."""
        return (images - self.mean) / self.std

    def embed(self, images: Tensor) -> Tensor:
        """Return embeddings (b, D)."""
        embeddings: Tensor = self.trunk(self.scale(images))
        return embeddings

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (b, classes)."""
        logits: Tensor = self.head(self.dropout(self.embed(images)))
        return logits

    def scale_inputs_symmetrically(self) -> None:
        """Scale inputs from 0..255 to -1..1."""
        self.mean.fill_(127.5)
        self.std.fill_(127.5)

    def fit_input_statistics(self, images: Tensor, report: Callable[[], None] = lambda: None) -> None:
        """Set the mean and standard deviation that inputs are scaled by to those of `images` (n, c, h, w).

        Calls `report` after each part of them, so that a training can be cancelled.
        """
        # in chunks: 50,000 images in double precision take 1.2 GB
        count = images.numel() / images.shape[1]
        total = torch.zeros(images.shape[1], dtype=torch.float64)
        squares = torch.zeros_like(total)
        for chunk in torch.split(images, max(1, CHUNK // images[0].numel())):
            numbers = chunk.double()
            total += numbers.sum(dim=(0, 2, 3))
            squares += numbers.square().sum(dim=(0, 2, 3))
            report()
        mean = total / count
        std = (squares / count - mean.square()).clamp(min=0).sqrt()
        self.mean.copy_(mean.view(-1, 1, 1))
        self.std.copy_(std.clamp(min=1.0).view(-1, 1, 1))
