"""Random augmentation of a batch of images: shift, rotation, scale, shear and flip."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class RandomAffine:
    """Largest changes to an image, each drawn uniformly in both directions. All zero leaves images unchanged."""

    shift: float = 0.0
    """Largest shift, as a share of the image's side."""
    rotation: float = 0.0
    """Largest rotation in degrees."""
    scale: float = 0.0
    """Largest change of size, as a share of the size."""
    shear: float = 0.0
    """Largest shear, as a share of the height."""
    flip: bool = False
    """Whether half of the images are flipped left to right."""

    def __call__(self, images: Tensor) -> Tensor:
        """Return one random view of each of `images` (b, c, h, w), float. Draws from torch's global generator."""
        if not (self.shift or self.rotation or self.scale or self.shear or self.flip):
            return images
        count, height, width = len(images), images.shape[2], images.shape[3]
        draws = (torch.rand(6, count) * 2 - 1).to(images.device)
        angle = draws[0] * math.radians(self.rotation)
        factor = 1 + draws[1] * self.scale
        flip = draws[2].sign() if self.flip else torch.ones_like(draws[2])
        shear = draws[3] * self.shear
        cosine, sine = factor * angle.cos(), factor * angle.sin()
        matrix = torch.empty(count, 2, 3, device=images.device)
        # rotate in pixels: the grid's unit is half a side, which would distort images that are not square
        matrix[:, 0, 0] = flip * cosine
        matrix[:, 0, 1] = (shear - sine) * (height / width)
        matrix[:, 1, 0] = flip * sine * (width / height)
        matrix[:, 1, 1] = cosine
        matrix[:, :, 2] = 2 * self.shift * draws[4:].T
        grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
        return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
