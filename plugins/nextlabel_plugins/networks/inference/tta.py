"""Test-time augmentation: predictions averaged over the image, its mirror image and shifts by one pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn import functional

TTA = Literal["none", "flip", "flip-shift"]


@dataclass(frozen=True)
class View:
    """One view of an image: shifted down and right by `shift` pixels with reflected borders, then flipped."""

    shift: int
    flip: bool
    weight: float
    """Weight of the view in the average."""

    def __call__(self, images: Tensor) -> Tensor:
        """Return the view of `images` (b, c, h, w)."""
        if self.shift:
            height, width = images.shape[2:]
            top = 1 - self.shift
            padded = functional.pad(images, (1, 1, 1, 1), mode="reflect")
            images = padded[:, :, top : top + height, top : top + width]
        return images.flip(3) if self.flip else images


def tta_views(tta: TTA) -> tuple[View, ...]:
    """Return the views to average over. Their weights sum to one; shifted views make up half of it."""
    if tta == "none":
        return (View(0, False, 1.0),)
    if tta == "flip":
        return tuple(View(0, flip, 0.5) for flip in (False, True))
    unshifted = [View(0, flip, 0.25) for flip in (False, True)]
    return (*unshifted, *(View(shift, flip, 0.125) for shift in (-1, 1) for flip in (False, True)))
