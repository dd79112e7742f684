"""Converts images of any mode to 8-bit RGB or greyscale, with few copies of a large one."""

from __future__ import annotations

import numpy as np
from PIL import Image

_LEVELS_16_BIT = 65_536
_CHUNK = 1 << 20
"""Number of 16-bit pixels scaled at a time: numpy needs 8 bytes for each meanwhile."""


def to_rgb_or_grey(image: Image.Image, channels: int) -> Image.Image:
    """Return an image as 8-bit greyscale (1 channel) or RGB (3), with transparency on white."""
    mode = "L" if channels == 1 else "RGB"
    if image.mode == mode and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return _convert(_to_8_bits(image), mode)
    if image.has_transparency_data:
        image = _on_white(_convert(image, "RGBA"))
    return _convert(image, mode)


def _convert(image: Image.Image, mode: str) -> Image.Image:
    # Pillow's convert copies an image that already has the mode
    return image if image.mode == mode else image.convert(mode)


def _on_white(rgba: Image.Image) -> Image.Image:
    white = Image.new("RGB", rgba.size, "white")
    white.paste(rgba, mask=rgba)
    return white


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit greyscale to 8 bits; Pillow's own conversion clips at 255 instead."""
    table = np.rint(np.arange(_LEVELS_16_BIT) / 257).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int) and 0 <= transparent < _LEVELS_16_BIT:
        table[transparent] = 255
    pixels = np.asarray(image)
    scaled = np.empty(pixels.shape, np.uint8)
    # chunks of pixels, not rows: a single row may hold the whole image
    flat_pixels, flat_scaled = pixels.reshape(-1), scaled.reshape(-1)
    for start in range(0, pixels.size, _CHUNK):
        chunk = slice(start, start + _CHUNK)
        np.take(table, flat_pixels[chunk], mode="clip", out=flat_scaled[chunk])
    return Image.fromarray(scaled)
