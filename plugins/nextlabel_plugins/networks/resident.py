"""Images kept decoded in memory, from which batches of views are gathered by index alone."""

from __future__ import annotations

import torch
from torch import Tensor


class Resident:
    """Views of images (n, h, w, c) uint8: mirrored every other epoch, and shifted, borders reflected.

    Which half of them is mirrored in the first epoch is drawn once: over two epochs each is
    seen both ways ("alternating flip": Jordan 2024).
    """

    def __init__(self, images: Tensor, shift: int, *, flip: bool) -> None:
        self.images = images
        self.shift = shift
        self.flip = flip
        self._mirrored = torch.randint(0, 2, (len(images),)).bool() if flip else torch.zeros(len(images)).bool()

    def views(self, rows: Tensor, epoch: int, size: tuple[int, int] | None = None) -> Tensor:
        """Return views of `rows` (b,) as (b, c, height, width) uint8, channels last in memory.

        `size`: smaller ones, cut out anywhere within the shifted image.
        """
        whole = self.images.shape[1], self.images.shape[2]
        height, width = size or whole
        down = self._places(len(rows), whole[0], height)
        across = self._places(len(rows), whole[1], width)
        mirrored = self._mirrored[rows] ^ (self.flip and epoch % 2 == 1)
        across = torch.where(mirrored[:, None], across.flip(1), across)
        rows, down, across = (places.to(self.images.device) for places in (rows, down, across))
        return self.images[rows[:, None, None], down[:, :, None], across[:, None, :]].permute(0, 3, 1, 2)

    def _places(self, count: int, whole: int, part: int) -> Tensor:
        """Return which lines of the image each view shows, (count, part)."""
        shift = min(self.shift, whole - 1)
        starts = torch.randint(-shift, whole - part + shift + 1, (count, 1))
        return reflected(starts + torch.arange(part), whole)


def reflected(places: Tensor, whole: int) -> Tensor:
    """Return `places`, those beyond 0..whole-1 mirrored at the outermost line."""
    places = places.abs()
    return torch.where(places >= whole, 2 * (whole - 1) - places, places)
