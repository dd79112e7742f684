"""A small convolutional network for pictures of any size."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

LARGEST, SMALLEST = 16, 4
"""Sides between which every halving comes with a convolution; above, pictures are halved alone."""


@dataclass(frozen=True)
class Shape:
    """What a network is built from; plain JSON as a dict."""

    height: int
    width: int
    channels: int
    classes: int
    filters: int
    """Of the first convolution; doubled at each halving of the picture, up to eight times."""
    dropout: float
    """Share of the embedding left out in training."""

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


class ConvNet(nn.Module):
    """Convolutions of 3 x 3 with batch normalisation, halved while the shorter side is 4 or more.

    Takes pictures (b, channels, height, width) in 0..255 as float.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("mean", torch.zeros(shape.channels, 1, 1))
        self.register_buffer("std", torch.ones(shape.channels, 1, 1))
        layers: list[nn.Module] = []
        channels, filters, height, width = shape.channels, shape.filters, shape.height, shape.width
        layers += _layer(channels, filters)
        channels = filters
        while min(height, width) > LARGEST:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
        while min(height, width) >= SMALLEST:
            filters = min(filters * 2, shape.filters * 8)
            layers += _layer(channels, filters)
            layers.append(nn.MaxPool2d(2))
            channels, height, width = filters, height // 2, width // 2
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        self.embedding = channels * height * width
        self.dropout = nn.Dropout(shape.dropout)
        self.head = nn.Linear(self.embedding, shape.classes)

    def embed(self, pictures: Tensor) -> Tensor:
        """Return embeddings (b, D)."""
        embeddings: Tensor = self.trunk((pictures - self.mean) / self.std)
        return embeddings

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits (b, classes)."""
        logits: Tensor = self.head(self.dropout(self.embed(pictures)))
        return logits

    def standardise(self, pictures: Tensor) -> None:
        """Take the mean and deviation of each channel of `pictures` (n, c, h, w) as those to scale by."""
        std, mean = torch.std_mean(pictures.double(), dim=(0, 2, 3), correction=0, keepdim=True)
        self.mean.copy_(mean[0])
        self.std.copy_(std[0].clamp(min=1.0))

    def folded(self) -> ConvNet:
        """Return a copy for prediction, with each batch normalisation folded into its convolution."""
        network = copy.deepcopy(self).eval().requires_grad_(requires_grad=False)
        layers: list[nn.Module] = []
        for layer in network.trunk:
            if isinstance(layer, nn.BatchNorm2d):
                convolution = layers[-1]
                assert isinstance(convolution, nn.Conv2d)
                layers[-1] = fuse_conv_bn_eval(convolution, layer)
            else:
                layers.append(layer)
        network.trunk = nn.Sequential(*layers)
        return network.to(memory_format=torch.channels_last)


def _layer(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
