"""Images: decoded in one place, so that a model sees in training what it sees in `/predict`.

Every image is made upright, flattened on white, resized (antialiased, bilinear) until its
shorter side fits, and cropped to the centre. Of an animation, and of a JPEG with further
images behind it, the first is taken. Colour profiles are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from nextlabel.contracts.data import PixelArray
from nextlabel.contracts.errors import TooLarge, Unprocessable, Unsupported
from nextlabel.engine.images.jpeg_header import markers
from nextlabel.engine.images.orientation import sideways, upright
from nextlabel.engine.images.sniff import READ, format_of, refusal
from nextlabel.engine.images.to_rgb import flat
from nextlabel.engine.images.webp_header import canvas

R = TypeVar("R")
Size = tuple[int, int]
"""(height, width)."""

MAX_PIXELS = 50_000_000
MAX_SCANS = 100
"""A progressive JPEG has about ten; each passes over all pixels, so that thousands would take minutes."""
_SCAN, _LOSSLESS = b"\xff\xda", b"\xff\xc3"
"""Markers: looking for one costs a hundredth of reading them all, and where none is none has to be read."""
GAP = 3
"""How many times larger than needed a JPEG is decoded at least: below that the crude averaging shows."""
_NOTES = (b"eXIf", b"iTXt", b"tEXt", b"zTXt")
"""A PNG's chunks that may say which way up it is."""
_FEW: Mapping[str, int] = {"L;2": 2, "L;4": 4}
"""Bits of grey, by Pillow's name for how they are packed."""
_DEEP = "RGB;16B"
"""Its name for colour of 16 bits, of which it keeps the higher 8."""
_LARGE = 10_000_000
_SHOWN = 200


class _Jpeg(JpegImageFile):
    """Without Pillow's search of the metadata for a resolution, which warns where they are broken."""

    def getexif(self) -> Image.Exif:
        return Image.Exif()


class _Png(PngImageFile):
    """With its transparent level or colour in 8 bits, as its pixels are: Pillow leaves it in the file's 2, 4 or 16."""

    def _open(self) -> None:
        super()._open()
        clear, packed = self.info.get("transparency"), str(self.tile[0].args) if self.tile else ""
        if packed in _FEW and isinstance(clear, int):
            most = 2 ** _FEW[packed] - 1
            self.info["transparency"] = (clear & most) * 255 // most
        elif packed == _DEEP and isinstance(clear, tuple):
            self.info["transparency"] = tuple(level >> 8 for level in clear)


_OPENERS: Mapping[str, Callable[[BytesIO], ImageFile]] = {"JPEG": _Jpeg, "PNG": _Png, "WebP": WebPImageFile}


def inspect(data: bytes, max_pixels: int = MAX_PIXELS) -> str:
    """Decode an image to its end, as for a model, and return its media type; raise as `prepare` does."""
    # a JPEG decoded small is read to its end too, in a third of the time
    decode(data, (1, 1), 3, max_pixels)
    return READ[str(format_of(data))]


def is_large(data: bytes) -> bool:
    """Tell whether it takes so much memory to decode an image that several at once should not be."""
    kind = format_of(data)
    if kind is None or kind not in READ:
        return False
    try:
        image = _header(kind, data, MAX_PIXELS)
    except TooLarge:  # where more than usual is allowed
        return True
    except Unprocessable:  # told by whoever decodes it
        return False
    if image.width * image.height <= _LARGE:
        return False
    return kind != "JPEG" or markers(data).whole


def measure(data: bytes, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return an image's width and height as it is stored, without decoding it; raise as `prepare` does."""
    return _open(data, max_pixels)[1].size


def measure_upright(data: bytes, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return an image's width and height as it is seen, decoding it only where it must; raise as `prepare` does."""
    kind, image = _open(data, max_pixels)
    if kind == "PNG" and any(data.find(name, data.find(b"IDAT")) > 0 for name in _NOTES):
        _load(kind, image)  # what turns it may stand behind its pixels
    return (image.height, image.width) if sideways(image.info) else image.size


def prepare(source: bytes | Path, size: Size, channels: int, max_pixels: int = MAX_PIXELS) -> PixelArray:
    """Return an image as (height, width, channels), uint8.

    Unsupported: not an image of a format read here. TooLarge: more than `max_pixels`.
    Unprocessable: it does not decode.
    """
    return fit(decode(source, size, channels, max_pixels), size)


def decode(source: bytes | Path, size: Size, channels: int, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Return an image upright, in 8 bits of grey (1) or colour (3); as large as it is, or well above `size`."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    kind, image = _open(data, max_pixels)
    if kind == "JPEG" and not (_LOSSLESS in data and markers(data).lossless):
        # libjpeg decodes straight to 1/2, 1/4 or 1/8
        height, width = reversed(size) if sideways(image.info) else size
        scale = GAP * max(width / image.width, height / image.height)
        image.draft(None, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    return _seen(kind, image, channels)


def of_each(blobs: Sequence[bytes], do: Callable[[bytes], R]) -> list[R]:
    """Return what `do` makes of each image; where it refuses one of several, say which, from 0."""
    done: list[R] = []
    for number, blob in enumerate(blobs):
        try:
            done.append(do(blob))
        except (Unsupported, Unprocessable, TooLarge) as error:
            raise (type(error)(f"image {number}: {error}") if len(blobs) > 1 else error) from None
    return done


def kept(width: int, height: int, size: Size) -> tuple[float, float, float, float]:
    """Return the part of an image that `fit` keeps, in its pixels: left, top, right, bottom."""
    scale = max(size[1] / width, size[0] / height)
    # not more than there is, which rounding could make it
    across, down = min(size[1] / scale, width), min(size[0] / scale, height)
    left, top = (width - across) / 2, (height - down) / 2
    return left, top, left + across, top + down


def fit(image: Image.Image, size: Size) -> PixelArray:
    """Resize until `size` (height, width) is covered, crop the centre, return (h, w, channels)."""
    height, width = size
    if image.size != (width, height):
        box = kept(image.width, image.height, size)
        image = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
    array = np.asarray(image, dtype=np.uint8)
    return array[:, :, None] if array.ndim == 2 else array  # noqa: PLR2004


def encode(array: PixelArray) -> bytes:
    """Return (height, width) or (height, width, 1 or 3) as a PNG."""
    out = BytesIO()
    Image.fromarray(array[:, :, 0] if array.shape[2:] == (1,) else array).save(out, "PNG")
    return out.getvalue()


def _open(data: bytes, max_pixels: int) -> tuple[str, ImageFile]:
    kind = format_of(data)
    if kind is None or kind not in READ:
        raise Unsupported(refusal(data))
    if kind == "JPEG" and data.count(_SCAN) > MAX_SCANS and markers(data).scans > MAX_SCANS:
        raise Unprocessable(f"the JPEG has more than {MAX_SCANS} scans, which takes too long to decode")
    return kind, _header(kind, data, max_pixels)


def _header(kind: str, data: bytes, max_pixels: int) -> ImageFile:
    if kind == "WebP" and (size := canvas(data)):
        _bounded(size, max_pixels)
    try:
        # not Image.open: it would look for other formats, and for more images in this one
        image = _OPENERS[kind](BytesIO(data))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # Pillow's own bound
        raise TooLarge(f"the {kind} has more pixels than its decoder takes") from None
    except Exception as error:  # noqa: BLE001 - a broken header can raise anything from a decoder
        raise _broken(kind, error) from None
    _bounded(image.size, max_pixels)
    return image


def _bounded(size: tuple[int, int], max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise TooLarge(f"the image has {size[0]} x {size[1]} pixels; at most {max_pixels:,} are read")


def _load(kind: str, image: ImageFile) -> ImageFile:
    try:
        image.load()
    except Exception as error:  # noqa: BLE001 - as in _open
        raise _broken(kind, error) from None
    return image


def _seen(kind: str, image: ImageFile, channels: int) -> Image.Image:
    _load(kind, image)
    try:
        return flat(upright(image), channels)
    except Exception as error:  # noqa: BLE001 - a palette, say, is looked at only here
        raise _broken(kind, error) from None


def _broken(kind: str, error: Exception) -> Unprocessable:
    said = str(error)[:_SHOWN]
    why = "its content is broken"
    if "truncated" in said.lower():
        why = "it is cut off"
    elif said.startswith("cannot handle"):
        why = "it is of a rare kind that is not read here"
    return Unprocessable(f"the {kind} does not decode: {why}" + (f" ({said})" if said else ""))
