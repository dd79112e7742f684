"""Operations on a batch of images (b, c, h, w), float in 0..255, each with a magnitude for every image (b,).

They follow those of Pillow that AutoAugment, RandAugment and CTAugment use, on whole batches at once. What lies outside
an image is black.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

LEVELS = 256


@dataclass(frozen=True)
class Operation:
    """An operation and the range of its magnitude."""

    low: float
    high: float
    neutral: float
    """The magnitude that changes nothing; it may lie outside low..high."""
    colours: Callable[[Tensor, Tensor], Tensor] | None = None
    """Returns changed images; takes images (b, c, h, w) and magnitudes (b,)."""
    geometry: Callable[[Tensor], Tensor] | None = None
    """Returns matrices (b, 2, 3) for `resample`; takes magnitudes (b,). Used if `colours` is None."""

    def magnitudes(self, levels: Tensor, strength: float) -> Tensor:
        """Return magnitudes (b,) for `levels` (b,) in 0..1: their distance from the neutral one, times `strength`."""
        return self.neutral + strength * (self.low + (self.high - self.low) * levels - self.neutral)


def apply_operations(
    images: Tensor, operations: Sequence[Operation], chosen: Tensor, levels: Tensor, strength: float
) -> Tensor:
    """Apply to each image the operation `chosen` (b,) for it, at its level (b,) in 0..1.

    Returns a new tensor. The geometric operations of all images are one resampling.
    """
    images = images.clone()
    matrices = _identity_matrices(len(images))
    geometric = torch.zeros(len(images), dtype=torch.bool)
    for number, operation in enumerate(operations):
        rows = torch.nonzero(chosen == number)[:, 0]
        if not len(rows):
            continue
        magnitudes = operation.magnitudes(levels[rows], strength)
        if operation.colours is not None:
            images[rows] = operation.colours(images[rows], magnitudes.to(images.device))
        elif operation.geometry is not None:
            matrices[rows] = operation.geometry(magnitudes)
            geometric[rows] = True
    rows = torch.nonzero(geometric)[:, 0]
    if len(rows):
        images[rows] = resample(images[rows], matrices[rows].to(images.device))
    return images


def cutout(images: Tensor, largest: float, fill: Tensor) -> Tensor:
    """Cover a random square of each image with `fill` (c, 1, 1). Its side is up to `largest` times the image's."""
    return cover(images, largest * torch.rand(len(images)), fill)


def cover(images: Tensor, shares: Tensor, fill: Tensor | float) -> Tensor:
    """Cover a square around a random place of each image. Its side is the image's times its share (b,), on the CPU."""
    count, _, height, width = images.shape
    side = shares[:, None] * min(height, width)
    centres = torch.rand(2, count, 1)
    inside = [
        (torch.arange(length) + 0.5 - centre * length).abs() < side / 2
        for centre, length in zip(centres, (height, width), strict=True)
    ]
    covered = (inside[0][:, None, :, None] & inside[1][:, None, None, :]).to(images.device)
    return torch.where(covered, fill, images)


# ------------------------------------------------------------------------------- colours


def brightness(images: Tensor, factors: Tensor) -> Tensor:
    """Multiply by the factor: 0 is black."""
    return (images * _column(factors)).clamp(0, LEVELS - 1)


def colour(images: Tensor, factors: Tensor) -> Tensor:
    """Move each pixel away from its grey: 0 is grey, 1 the image."""
    return _blend(grey(images), images, factors)


def contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Move each pixel away from the image's mean grey: 0 is that grey, 1 the image."""
    return _blend(grey(images).mean(dim=(2, 3), keepdim=True), images, factors)


def sharpness(images: Tensor, factors: Tensor) -> Tensor:
    """Move each pixel away from a smoothed image: 0 is smooth, 1 the image, 2 sharp."""
    return _blend(_smoothed(images), images, factors)


def smooth(images: Tensor, shares: Tensor) -> Tensor:
    """Mix in the share of a smoothed image."""
    return _blend(images, _smoothed(images), shares)


def blur(images: Tensor, shares: Tensor) -> Tensor:
    """Mix in the share of a blurred image: the mean of the border of 5 x 5 pixels around each pixel."""
    kernel = torch.ones(5, 5)
    kernel[1:4, 1:4] = 0
    return _blend(images, _filtered(images, kernel), shares)


def autocontrast(images: Tensor, shares: Tensor) -> Tensor:
    """Mix in the share of an image whose channels are stretched to 0..255."""
    low, high = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
    stretched = (images - low) * ((LEVELS - 1) / (high - low).clamp(min=1e-3))
    return _blend(images, torch.where(high > low, stretched, images), shares)


def equalize(images: Tensor, shares: Tensor) -> Tensor:
    """Mix in the share of an image with a flat histogram in each channel."""
    count, channels, height, width = images.shape
    pixels = images.round().long().flatten(0, 1).flatten(1)
    offsets = LEVELS * torch.arange(count * channels, device=images.device)[:, None]
    histogram = torch.bincount((pixels + offsets).flatten(), minlength=LEVELS * count * channels).view(-1, LEVELS)
    below = histogram.cumsum(1) - histogram
    last = histogram.gather(1, pixels.amax(1, keepdim=True))
    step = (height * width - last) // (LEVELS - 1)  # whole numbers, as in Pillow; 0 leaves the image as it is
    table = ((below + step // 2) // step.clamp(min=1)).clamp(max=LEVELS - 1)
    flat = table.gather(1, pixels).view_as(images).to(images.dtype)
    return _blend(images, torch.where((step > 0).view(count, channels, 1, 1), flat, images), shares)


def invert(images: Tensor, shares: Tensor) -> Tensor:
    """Mix in the share of the negative."""
    return _blend(images, LEVELS - 1 - images, shares)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep so many bits of each number, rounded down: 8 is the image."""
    step = _column(2 ** (8 - bits.floor()))
    return torch.floor(images / step) * step


def solarize(images: Tensor, thresholds: Tensor) -> Tensor:
    """Invert pixels from the threshold on: 0 is the negative, 256 the image."""
    return torch.where(images >= _column(thresholds), LEVELS - 1 - images, images)


def grey_square(images: Tensor, shares: Tensor) -> Tensor:
    """Cover a square in grey; its side is that share of the image's."""
    return cover(images, shares.cpu(), (LEVELS - 1) // 2)


def grey(images: Tensor) -> Tensor:
    """Return the brightness (b, 1, h, w) of each pixel."""
    if images.shape[1] == 1:
        return images
    return (images * torch.tensor([0.299, 0.587, 0.114], device=images.device).view(3, 1, 1)).sum(1, keepdim=True)


def _blend(zero: Tensor, one: Tensor, shares: Tensor) -> Tensor:
    """Return the image on the line from `zero` to `one`."""
    return (zero + _column(shares) * (one - zero)).clamp(0, LEVELS - 1)


def _column(numbers: Tensor) -> Tensor:
    return numbers.view(-1, 1, 1, 1)


def _smoothed(images: Tensor) -> Tensor:
    kernel = torch.ones(3, 3)
    kernel[1, 1] = 5
    return _filtered(images, kernel)


def _filtered(images: Tensor, kernel: Tensor) -> Tensor:
    """Return the images filtered by a kernel, with the border repeated."""
    channels, side = images.shape[1], len(kernel)
    weight = (kernel / kernel.sum()).to(images.device).expand(channels, 1, side, side)
    padded = functional.pad(images, [side // 2] * 4, mode="replicate")
    return functional.conv2d(padded, weight, groups=channels)


# ------------------------------------------------------------------------------ geometry


def resample(images: Tensor, matrices: Tensor) -> Tensor:
    """Return images whose pixels come from the places that `matrices` (b, 2, 3) give, in units of half a side."""
    grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="zeros", align_corners=False)


def rotation(degrees: Tensor) -> Tensor:
    """Rotate about the centre."""
    matrices = _identity_matrices(len(degrees))
    angles = degrees * (math.pi / 180)
    matrices[:, 0, 0] = matrices[:, 1, 1] = angles.cos()
    matrices[:, 0, 1], matrices[:, 1, 0] = -angles.sin(), angles.sin()
    return matrices


def shear_x(shares: Tensor) -> Tensor:
    """Shear along the rows, by a share of the height."""
    return _entry(0, 1, shares)


def shear_y(shares: Tensor) -> Tensor:
    """Shear along the columns, by a share of the width."""
    return _entry(1, 0, shares)


def translate_x(shares: Tensor) -> Tensor:
    """Shift along the rows, by a share of the width."""
    return _entry(0, 2, 2 * shares)


def translate_y(shares: Tensor) -> Tensor:
    """Shift along the columns, by a share of the height."""
    return _entry(1, 2, 2 * shares)


def zoom(shares: Tensor) -> Tensor:
    """Cut the share off each side, and enlarge the rest."""
    matrices = _identity_matrices(len(shares))
    matrices[:, 0, 0] = matrices[:, 1, 1] = 1 - 2 * shares
    return matrices


def _identity_matrices(count: int) -> Tensor:
    matrices = torch.zeros(count, 2, 3)
    matrices[:, 0, 0] = matrices[:, 1, 1] = 1
    return matrices


def _entry(row: int, column: int, numbers: Tensor) -> Tensor:
    matrices = _identity_matrices(len(numbers))
    matrices[:, row, column] += numbers
    return matrices
