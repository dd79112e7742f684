"""The data that the predict page shows about one image: its prediction and the pixels that the model received."""

from __future__ import annotations

from dataclasses import dataclass

from nextlabel.engine.images.decoding import Size
from nextlabel.engine.records import Predictions

SMALL = 128
"""Longest side in pixels up to which an image is enlarged so that its pixels are visible."""


@dataclass(frozen=True)
class Preview:
    """The prediction of one uploaded image and the part of it that the model used.

    The image itself is not included because the browser that sent it has it.
    """

    predictions: Predictions
    width: int
    """Width of the upright image, in its own pixels."""
    height: int
    """Height of the upright image, in its own pixels."""
    crop: tuple[float, float, float, float]
    """Part of the image that the model used: left, top, right, bottom."""
    input_png: bytes
    """The model's input as a PNG, pixel for pixel."""
    input_size: Size

    @property
    def share(self) -> float:
        """Share of the image that the model used, 0 to 1."""
        left, top, right, bottom = self.crop
        return (right - left) * (bottom - top) / (self.width * self.height)
