"""Pictures: decoded in one place, so that a model sees in training what it sees in `/predict`.

Every picture is made upright, flattened on white, resized (antialiased, bilinear) until its
shorter side fits, and cropped to the centre.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from nextlabel.contracts.errors import TooLarge, Unprocessable, Unsupported
from nextlabel.contracts.items import PixelArray

R = TypeVar("R")

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_MEDIA = {**FORMATS, "MPO": "image/jpeg"}
"""By what Pillow says it opened: many telephones write a JPEG with a second picture behind it."""
MAX_PIXELS = 50_000_000
_ORIENTATION = 0x0112
_TURNED = range(5, 9)
"""EXIF orientations in which width and height change places."""


def inspect(data: bytes, max_pixels: int = MAX_PIXELS) -> str:
    """Decode a picture whole and return its media type; raise as `prepare` does."""
    image = _open(BytesIO(data), max_pixels)
    _load(image)
    return _MEDIA[str(image.format)]


def prepare(source: bytes | Path, size: tuple[int, int], channels: int, max_pixels: int = MAX_PIXELS) -> PixelArray:
    """Return a picture as (height, width, channels), uint8.

    Unsupported: not a picture of a format read here. TooLarge: more than `max_pixels`.
    Unprocessable: it does not decode.
    """
    stream: BinaryIO = BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    with stream:
        image = _open(stream, max_pixels)
        if image.format == "JPEG":
            # libjpeg decodes straight to 1/2, 1/4 or 1/8; never below what is needed
            height, width = size if not _turned(image) else (size[1], size[0])
            image.draft(None, _covering(image.size, (width, height)))
        return fit(flat(_upright(_load(image)), channels), size)


def of_each(blobs: Sequence[bytes], do: Callable[[bytes], R]) -> list[R]:
    """Return what `do` makes of each picture; where it refuses one of several, say which, from 0."""
    done: list[R] = []
    for number, blob in enumerate(blobs):
        try:
            done.append(do(blob))
        except (Unsupported, Unprocessable, TooLarge) as error:
            raise (type(error)(f"picture {number}: {error}") if len(blobs) > 1 else error) from None
    return done


def fit(image: Image.Image, size: tuple[int, int]) -> PixelArray:
    """Resize until `size` (height, width) is covered, crop the centre, return (h, w, channels)."""
    height, width = size
    if image.size != (width, height):
        scale = max(width / image.width, height / image.height)
        # not more than there is, which rounding could make it
        box_width, box_height = min(width / scale, image.width), min(height / scale, image.height)
        left, top = (image.width - box_width) / 2, (image.height - box_height) / 2
        image = image.resize(
            (width, height), Image.Resampling.BILINEAR, box=(left, top, left + box_width, top + box_height)
        )
    array = np.asarray(image, dtype=np.uint8)
    return array[:, :, None] if array.ndim == 2 else array  # noqa: PLR2004


def encode(array: PixelArray) -> bytes:
    """Return (height, width) or (height, width, 3) as a PNG."""
    out = BytesIO()
    Image.fromarray(array[:, :, 0] if array.shape[2:] == (1,) else array).save(out, "PNG")
    return out.getvalue()


def _open(stream: BinaryIO, max_pixels: int) -> ImageFile.ImageFile:
    try:
        image = Image.open(stream, formats=list(FORMATS))
    except UnidentifiedImageError:
        raise Unsupported(f"not a picture of a kind read here ({', '.join(FORMATS)})") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLarge(f"{error}; at most {max_pixels} pixels are read") from None
    except Exception as error:  # noqa: BLE001 - a broken header can raise anything from a decoder
        raise Unprocessable(f"the picture does not decode: {error}") from None
    if image.width * image.height > max_pixels:
        raise TooLarge(f"the picture has {image.width} x {image.height} pixels; at most {max_pixels} are read")
    return image


def _load(image: ImageFile.ImageFile) -> ImageFile.ImageFile:
    try:
        image.load()
    except Exception as error:  # noqa: BLE001 - as in _open
        raise Unprocessable(f"the picture does not decode: {error}") from None
    return image


def _turned(image: Image.Image) -> bool:
    try:
        return image.getexif().get(_ORIENTATION, 1) in _TURNED
    except Exception:  # noqa: BLE001 - metadata that cannot be read turns nothing
        return False


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - metadata that cannot be read turns nothing
        return image


def flat(image: Image.Image, channels: int) -> Image.Image:
    """Return a picture as 8 bits of grey (1 channel) or colour (3), transparency on white."""
    mode = "L" if channels == 1 else "RGB"
    if image.mode == mode:
        return image
    if image.mode.startswith("I"):
        # 16 bits: Pillow's own conversion clips at 255 instead of scaling
        image = Image.fromarray((np.asarray(image, np.float64) / 257).round().astype(np.uint8))
    elif image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        colour = image.convert("RGBA")
        white = Image.new("RGBA", colour.size, "white")
        image = Image.alpha_composite(white, colour)
    return image.convert(mode)


def _covering(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    # what `draft` must keep so that the picture still covers `wanted` after the crop
    scale = max(wanted[0] / size[0], wanted[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
