"""Predictions averaged over views of the image: as it is, mirrored, and shifted by a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn import functional

Averaging = Literal["none", "flip", "flip-shift"]


@dataclass(frozen=True)
class View:
    """One view: shifted by `shift` pixels down and right, borders reflected; perhaps mirrored."""

    shift: int
    mirrored: bool
    weight: float

    def __call__(self, images: Tensor) -> Tensor:
        """Return the view of `images` (b, c, h, w)."""
        if self.shift:
            height, width = images.shape[2:]
            top = 1 - self.shift
            padded = functional.pad(images, (1, 1, 1, 1), mode="reflect")
            images = padded[:, :, top : top + height, top : top + width]
        return images.flip(3) if self.mirrored else images


def views(averaging: Averaging) -> tuple[View, ...]:
    """Return the views averaged over, weights adding up to one; the shifted ones weigh half in all."""
    if averaging == "none":
        return (View(0, False, 1.0),)
    if averaging == "flip":
        return tuple(View(0, mirrored, 0.5) for mirrored in (False, True))
    plain = [View(0, mirrored, 0.25) for mirrored in (False, True)]
    return (*plain, *(View(shift, mirrored, 0.125) for shift in (-1, 1) for mirrored in (False, True)))
