"""Decoded images in memory, from which augmented batches are gathered by index."""

from __future__ import annotations

import torch
from torch import Tensor


class InMemoryImages:
    """Yields views of images (n, h, w, c) uint8: flipped every other epoch and shifted, with reflected borders.

    A random half of the images is flipped in the first epoch, the other half in the next, so
    that two epochs show each image both ways ("alternating flip", Jordan 2024).
    """

    def __init__(self, images: Tensor, shift: int, *, flip: bool) -> None:
        self.images = images
        self.shift = shift
        self.flip = flip
        self._flipped_first = torch.randint(0, 2, (len(images),)).bool() if flip else torch.zeros(len(images)).bool()

    def views(self, rows: Tensor, epoch: int | None, size: tuple[int, int] | None = None) -> Tensor:
        """Return views of `rows` (b,) as (b, c, height, width) uint8, channels last in memory.

        Without an `epoch`, each view is flipped at random. `size` asks for smaller views, cut out at random
        positions of the shifted image.
        """
        full = self.images.shape[1], self.images.shape[2]
        height, width = size or full
        y = self._coordinates(len(rows), full[0], height)
        x = self._coordinates(len(rows), full[1], width)
        if epoch is None:
            flipped = torch.rand(len(rows)) < 0.5 if self.flip else torch.zeros(len(rows)).bool()  # noqa: PLR2004 - half
        else:
            flipped = self._flipped_first[rows] ^ (self.flip and epoch % 2 == 1)
        x = torch.where(flipped[:, None], x.flip(1), x)
        rows, y, x = (indices.to(self.images.device) for indices in (rows, y, x))
        return self.images[rows[:, None, None], y[:, :, None], x[:, None, :]].permute(0, 3, 1, 2)

    def _coordinates(self, count: int, full: int, length: int) -> Tensor:
        """Return (count, length): the pixel coordinates along one axis that each view shows."""
        shift = min(self.shift, full - 1)
        if not shift and length == full:  # nothing to draw
            return torch.arange(full).expand(count, full)
        starts = torch.randint(-shift, full - length + shift + 1, (count, 1))
        return reflect(starts + torch.arange(length), full)


def reflect(coordinates: Tensor, full: int) -> Tensor:
    """Return `coordinates` with those outside 0..full-1 reflected at the border."""
    coordinates = coordinates.abs()
    return torch.where(coordinates >= full, 2 * (full - 1) - coordinates, coordinates)
