"""A picture as a person and as the model see it, with what the model makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from nextlabel.engine.answers import Predictions
from nextlabel.engine.pictures.decoding import Size, decode, encode, kept
from nextlabel.engine.serving.live import Served
from nextlabel.engine.serving.predicting import predictions

SIDE = 480
"""Longest side of the picture shown, in pixels."""
SMALL = 128
"""Up to this side every pixel is to be seen."""


@dataclass(frozen=True)
class Look:
    """One picture that was sent, upright and flattened, and its prediction."""

    predictions: Predictions
    picture: bytes
    """At most `SIDE` pixels wide and high."""
    media_type: str
    width: int
    height: int
    """Of `picture`."""
    kept: tuple[float, float, float, float]
    """The part of `picture` that the model sees: left, top, right, bottom."""
    seen: bytes
    """A PNG of what the model is given, pixel for pixel."""
    seen_size: Size

    @property
    def share(self) -> float:
        """The share of the picture that the model sees, 0 to 1."""
        left, top, right, bottom = self.kept
        return (right - left) * (bottom - top) / (self.width * self.height)


def look(served: Served, project: str, data: bytes, max_pixels: int) -> Look:
    """Predict one picture, and show what it was predicted from; raises as `decoding.prepare` does."""
    pixels = served.see([data], max_pixels)
    found = predictions(served.card["classes"], served.answer(pixels))
    size: Size = (pixels.shape[1], pixels.shape[2])
    shown = decode(data, (SIDE, SIDE), 3, max_pixels).copy()
    shown.thumbnail((SIDE, SIDE))
    kind, options = ("PNG", {}) if max(shown.size) <= SMALL else ("JPEG", {"quality": 90})
    out = BytesIO()
    shown.save(out, kind, **options)
    return Look(
        predictions=Predictions(project, served.checkpoint, tuple(found)),
        picture=out.getvalue(),
        media_type=f"image/{kind.lower()}",
        width=shown.width,
        height=shown.height,
        kept=kept(shown.width, shown.height, size),
        seen=encode(pixels[0]),
        seen_size=size,
    )
