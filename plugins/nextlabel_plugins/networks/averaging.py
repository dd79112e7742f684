"""Predictions averaged over views of the picture: as it is, mirrored, and shifted by a pixel."""

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

    def __call__(self, pictures: Tensor) -> Tensor:
        """Return the view of `pictures` (b, c, h, w)."""
        if self.shift:
            height, width = pictures.shape[2:]
            top = 1 - self.shift
            padded = functional.pad(pictures, (1, 1, 1, 1), mode="reflect")
            pictures = padded[:, :, top : top + height, top : top + width]
        return pictures.flip(3) if self.mirrored else pictures


def views(averaging: Averaging) -> tuple[View, ...]:
    """Return the views averaged over, weights adding up to one; the shifted ones weigh half in all."""
    if averaging == "none":
        return (View(0, False, 1.0),)
    if averaging == "flip":
        return tuple(View(0, mirrored, 0.5) for mirrored in (False, True))
    plain = [View(0, mirrored, 0.25) for mirrored in (False, True)]
    return (*plain, *(View(shift, mirrored, 0.125) for shift in (-1, 1) for mirrored in (False, True)))
