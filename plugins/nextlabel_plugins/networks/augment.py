"""Random views of a batch of images: shifted, turned, scaled, mirrored."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Views:
    """How far a view may stray from the image; all zero: not at all."""

    shift: float = 0.0
    """Share of the image's side, either way."""
    turn: float = 0.0
    """Degrees, either way."""
    scale: float = 0.0
    """Share of the size, either way."""
    shear: float = 0.0
    """Share of the height, either way."""
    flip: bool = False
    """Mirror half of them left to right."""

    def __call__(self, images: Tensor) -> Tensor:
        """Return one view of each of `images` (b, c, h, w), float, drawn from torch's generator."""
        if not (self.shift or self.turn or self.scale or self.shear or self.flip):
            return images
        size, height, width = len(images), images.shape[2], images.shape[3]
        draws = (torch.rand(6, size) * 2 - 1).to(images.device)
        angle = draws[0] * math.radians(self.turn)
        factor = 1 + draws[1] * self.scale
        mirror = draws[2].sign() if self.flip else torch.ones_like(draws[2])
        slant = draws[3] * self.shear
        cosine, sine = factor * angle.cos(), factor * angle.sin()
        matrix = torch.empty(size, 2, 3, device=images.device)
        # the rotation is one of pixels; the grid's unit is half a side, so an oblong stretches it
        matrix[:, 0, 0] = mirror * cosine
        matrix[:, 0, 1] = (slant - sine) * (height / width)
        matrix[:, 1, 0] = mirror * sine * (width / height)
        matrix[:, 1, 1] = cosine
        matrix[:, :, 2] = 2 * self.shift * draws[4:].T
        grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
        return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
