"""A cheap strong augmentation for two cores: one resampling and one change of colours for the whole batch."""

from __future__ import annotations

import torch
from torch import Tensor

from nextlabel_plugins.networks.training.augment import RandomAffine
from nextlabel_plugins.networks.training.strong_augment.operations import LEVELS, cutout, grey

ROTATION, SCALE, GAIN = 30.0, 0.3, 0.8
"""Largest rotation in degrees, and largest changes of size and of colours, at strength 1."""


class Jitter:
    """Rotates and scales every other image; changes saturation, contrast, brightness and each channel; then cutout."""

    def __init__(self, strength: float, largest_cutout: float, fill: Tensor) -> None:
        """`strength` scales magnitudes, `largest_cutout` is a share of the side, `fill` (c, 1, 1) its colour."""
        self._affine = RandomAffine(rotation=ROTATION * strength, scale=SCALE * strength)
        self._gain = GAIN * strength
        self._cutout = largest_cutout
        self._fill = fill

    def __call__(self, images: Tensor) -> Tensor:
        """Return a view of each image (b, c, h, w), float in 0..255."""
        views = images.clone()
        views[::2] = self._affine(images[::2])
        saturation, contrast, brightness, channels = (
            (1 + share * self._gain * (2 * torch.rand(len(images), count, 1, 1) - 1)).to(images.device)
            for share, count in ((1.0, 1), (1.0, 1), (1.0, 1), (1 / 3, images.shape[1]))
        )
        greys = grey(views)
        means = greys.mean(dim=(2, 3), keepdim=True)
        views = greys + saturation * (views - greys)
        views = (contrast * (views - means) + brightness * means) * channels
        return cutout(views.clamp(0, LEVELS - 1), self._cutout, self._fill)
