"""Images in any kind of pixels as 8 bits of grey or colour, in as few copies of a large one as that takes."""

from __future__ import annotations

import numpy as np
from PIL import Image

_DEEP = 65_536
_PIECE = 1 << 20
"""Pixels of 16 bits that are scaled at a time: numpy makes 8 bytes of each meanwhile."""


def flat(image: Image.Image, channels: int) -> Image.Image:
    """Return an image as 8 bits of grey (1 channel) or colour (3), transparency on white."""
    mode = "L" if channels == 1 else "RGB"
    if image.mode == mode and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return _as(_eight_bits(image), mode)
    if image.has_transparency_data:
        image = _on_white(_as(image, "RGBA"))
    return _as(image, mode)


def _as(image: Image.Image, mode: str) -> Image.Image:
    # Pillow's convert copies an image that is of the mode already
    return image if image.mode == mode else image.convert(mode)


def _on_white(colour: Image.Image) -> Image.Image:
    white = Image.new("RGB", colour.size, "white")
    white.paste(colour, mask=colour)
    return white


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16 bits, where Pillow's own conversion clips at 255."""
    levels = np.rint(np.arange(_DEEP) / 257).astype(np.uint8)
    clear = image.info.get("transparency")
    if isinstance(clear, int) and 0 <= clear < _DEEP:
        levels[clear] = 255
    deep = np.asarray(image)
    scaled = np.empty(deep.shape, np.uint8)
    # lines are no measure: one may hold all the pixels
    given, made = deep.reshape(-1), scaled.reshape(-1)
    for start in range(0, deep.size, _PIECE):
        piece = slice(start, start + _PIECE)
        np.take(levels, given[piece], mode="clip", out=made[piece])
    return Image.fromarray(scaled)
