"""What the model sees of an image, with what it makes of it."""

from __future__ import annotations

from dataclasses import dataclass

from nextlabel.engine.images.decoding import Size, encode, kept, measure_upright
from nextlabel.engine.live_models import Served
from nextlabel.engine.predict.predictor import predictions
from nextlabel.engine.records import Predictions

SMALL = 128
"""Up to this side every pixel is to be seen."""


@dataclass(frozen=True)
class Look:
    """One image that was sent, and its prediction. Whoever sent it has it, so it is not sent back."""

    predictions: Predictions
    width: int
    height: int
    """Of the image made upright, in its own pixels."""
    kept: tuple[float, float, float, float]
    """The part of it that the model sees: left, top, right, bottom."""
    seen: bytes
    """A PNG of what the model is given, pixel for pixel."""
    seen_size: Size

    @property
    def share(self) -> float:
        """The share of the image that the model sees, 0 to 1."""
        left, top, right, bottom = self.kept
        return (right - left) * (bottom - top) / (self.width * self.height)


def look(served: Served, project: str, data: bytes, max_pixels: int) -> Look:
    """Predict one image, and show what it was predicted from; raises as `decoding.prepare` does."""
    pixels = served.preprocess([data], max_pixels)
    found = predictions(served.card["classes"], served.infer(pixels))
    size: Size = (pixels.shape[1], pixels.shape[2])
    width, height = measure_upright(data, max_pixels)
    return Look(
        predictions=Predictions(project, served.checkpoint, tuple(found)),
        width=width,
        height=height,
        kept=kept(width, height, size),
        seen=encode(pixels[0]),
        seen_size=size,
    )
