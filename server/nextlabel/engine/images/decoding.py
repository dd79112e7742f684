"""Decodes images, so that a model gets the same pixels in training and from `/predict`.

Every image is turned upright, laid on white, resized (bilinear, antialiased) until it covers
the requested size, and cropped to the centre. Of an animation, and of a JPEG with further
images behind it, the first image is used. Colour profiles are ignored.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import Lock, RLock
from typing import TypeVar

import numpy as np
from PIL import Image
from PIL.ExifTags import Base as Tag
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from nextlabel.contracts.data import PixelArray
from nextlabel.contracts.errors import TooLarge, Unprocessable, Unsupported
from nextlabel.engine.images.image_headers import JpegHeader, read_jpeg_header, read_webp_size
from nextlabel.engine.images.sniff import MEDIA_TYPES, image_format, unsupported_reason
from nextlabel.engine.images.to_rgb import to_rgb_or_grey

R = TypeVar("R")
Size = tuple[int, int]
"""(height, width)."""

MAX_PIXELS = 50_000_000
MAX_SCANS = 100
"""Most scans of a JPEG: usually about ten, and each passes over all pixels. Thousands would take minutes."""
REDUCING_GAP = 3
"""Least factor by which a JPEG is decoded larger than needed; below it, libjpeg's crude averaging is visible."""
LARGE_PIXELS = 10_000_000
"""Number of pixels above which images are decoded one at a time."""

MAX_ASPECT = 8
"""Most times that one side of an uncropped image may be as long as the other, which limits the memory of a network."""

_LARGE_IMAGE_LOCK = RLock()
"""Held while a large image is in memory. It limits the memory of the process, so the process has only one."""
_WARNINGS_LOCK = Lock()
"""Held while warnings are filtered: the filters belong to the process, not to a thread."""

_PNG_METADATA = (b"eXIf", b"iTXt", b"tEXt", b"zTXt")
"""PNG chunks that can contain the orientation."""
_PACKED_BITS: Mapping[str, int] = {"L;2": 2, "L;4": 4}
"""Bits per pixel of greyscale PNGs, by Pillow's name of the packing."""
_RGB_16_BIT = "RGB;16B"
"""Pillow's name for 16-bit RGB; it reads the higher 8 bits."""
_TRANSPOSITIONS: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation that turns an image upright, by its EXIF orientation. From 5 on, width and height are swapped."""
_MAX_ERROR_LENGTH = 200


class _Jpeg(JpegImageFile):
    """A JPEG whose metadata is not read when it is opened: Pillow would read its resolution, and warn if broken."""

    def getexif(self) -> Image.Exif:
        return Image.Exif()


class _Png(PngImageFile):
    """A PNG whose transparent level or colour has 8 bits, as its pixels do; Pillow leaves the file's 2, 4 or 16."""

    def _open(self) -> None:
        super()._open()
        transparent, packing = self.info.get("transparency"), str(self.tile[0].args) if self.tile else ""
        if packing in _PACKED_BITS and isinstance(transparent, int):
            highest = 2 ** _PACKED_BITS[packing] - 1
            self.info["transparency"] = (transparent & highest) * 255 // highest
        elif packing == _RGB_16_BIT and isinstance(transparent, tuple):
            self.info["transparency"] = tuple(level >> 8 for level in transparent)


_OPENERS: Mapping[str, Callable[[BytesIO], ImageFile]] = {"JPEG": _Jpeg, "PNG": _Png, "WebP": WebPImageFile}


@dataclass(frozen=True)
class _Opened:
    """An image whose header has been read."""

    kind: str
    image: ImageFile
    jpeg: JpegHeader | None
    """None for other formats."""


def inspect(data: bytes, max_pixels: int = MAX_PIXELS) -> str:
    """Decode an image completely and return its media type; raises the errors of `prepare`."""
    # a JPEG decoded at a reduced size is still read to its end, in a third of the time
    with decoded(data, (1, 1), 3, max_pixels):
        return MEDIA_TYPES[str(image_format(data))]


def measure(data: bytes, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return the stored width and height of an image without decoding it; raises the errors of `prepare`."""
    with _opened(data, max_pixels) as opened:
        return opened.image.size


def measure_upright(data: bytes, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return the width and height of an image once it is upright; raises the errors of `prepare`."""
    with _opened(data, max_pixels) as opened:
        image = opened.image
        if opened.kind == "PNG" and any(data.find(name, data.find(b"IDAT")) > 0 for name in _PNG_METADATA):
            with _memory_limit(image.size):
                _load(opened.kind, image)  # the orientation may follow the pixels
        return (image.height, image.width) if _is_sideways(image) else image.size


def prepare(source: bytes | Path, size: Size, channels: int, max_pixels: int = MAX_PIXELS) -> PixelArray:
    """Return an image as (height, width, channels), uint8.

    Raises Unsupported if it is no image of a supported format, TooLarge if it has more than
    `max_pixels`, and Unprocessable if it does not decode.
    """
    with decoded(source, size, channels, max_pixels) as image:
        return resize_and_crop(image, size)


def prepare_whole(source: bytes | Path, side: int, channels: int, max_pixels: int = MAX_PIXELS) -> PixelArray:
    """Return an image as (height, width, channels), uint8, uncropped, with `side` pixels on the shorter side.

    Raises what `prepare` raises, and Unprocessable if the image is too long for that.
    """
    with decoded(source, (side, side), channels, max_pixels) as image:
        return resize_whole(image, side)


@contextmanager
def decoded(source: bytes | Path, size: Size, channels: int, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Decode an image, upright, as 8-bit greyscale (1 channel) or RGB (3); raises the errors of `prepare`.

    Yields it at its own size, or at a reduced size well above `size` (height, width). Resize it
    inside the block: the process decodes one large image at a time, and the next one may begin
    when the block ends.
    """
    data = source if isinstance(source, bytes) else source.read_bytes()
    with _opened(data, max_pixels) as opened:
        image, jpeg = opened.image, opened.jpeg
        full_size = jpeg is None or jpeg.needs_full_size
        with _memory_limit(image.size if full_size else None):
            if jpeg is not None and not jpeg.lossless:
                _reduce(image, size)
            yield _pixels(opened, channels)


def map_images(blobs: Sequence[bytes], function: Callable[[bytes], R]) -> list[R]:
    """Return what `function` returns for each image; if one of several cannot be read, the error has its number."""
    results: list[R] = []
    for number, blob in enumerate(blobs):
        try:
            results.append(function(blob))
        except (Unsupported, Unprocessable, TooLarge) as error:
            raise (type(error)(f"image {number}: {error}") if len(blobs) > 1 else error) from None
    return results


def crop_box(width: int, height: int, size: Size) -> tuple[float, float, float, float]:
    """Return the part of an image that `resize_and_crop` uses: left, top, right, bottom in its pixels."""
    scale = max(size[1] / width, size[0] / height)
    # rounding must not exceed the image
    across, down = min(size[1] / scale, width), min(size[0] / scale, height)
    left, top = (width - across) / 2, (height - down) / 2
    return left, top, left + across, top + down


def resize_and_crop(image: Image.Image, size: Size) -> PixelArray:
    """Resize until `size` (height, width) is covered, crop the centre, return (height, width, channels)."""
    height, width = size
    if image.size != (width, height):
        box = crop_box(image.width, image.height, size)
        image = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
    array = np.asarray(image, dtype=np.uint8)
    return array[:, :, None] if array.ndim == 2 else array  # noqa: PLR2004


def resize_whole(image: Image.Image, side: int) -> PixelArray:
    """Resize until the shorter side has `side` pixels, return (height, width, channels).

    Raises Unprocessable if the other side is more than `MAX_ASPECT` times as long.
    """
    shorter, longer = sorted(image.size)
    if longer > MAX_ASPECT * shorter:
        raise Unprocessable(
            f"the image has {image.width} x {image.height} pixels; a side may be at most {MAX_ASPECT} times the other"
        )
    width, height = (max(side, round(length * side / shorter)) for length in image.size)
    return resize_and_crop(image, (height, width))


def encode_png(array: PixelArray) -> bytes:
    """Return (height, width) or (height, width, 1 or 3) as a PNG."""
    out = BytesIO()
    Image.fromarray(array[:, :, 0] if array.shape[2:] == (1,) else array).save(out, "PNG")
    return out.getvalue()


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (upright) to 8; 1 if there is none, or if the metadata is broken."""
    try:
        with _WARNINGS_LOCK, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # broken metadata does not matter here
            # not image.getexif(): a PNG's would decode the pixels first
            value = Image.Image.getexif(image).get(Tag.Orientation, 1)
    except Exception:  # noqa: BLE001 - broken metadata can raise anything
        return 1
    if isinstance(value, bytes):  # of the TIFF type BYTE
        value = int.from_bytes(value[:1])
    return value if isinstance(value, int) and value in _TRANSPOSITIONS else 1


@contextmanager
def _opened(data: bytes, max_pixels: int) -> Iterator[_Opened]:
    kind = image_format(data)
    if kind is None or kind not in MEDIA_TYPES:
        raise Unsupported(unsupported_reason(data))
    jpeg = read_jpeg_header(data) if kind == "JPEG" else None
    if jpeg is not None and jpeg.scans > MAX_SCANS:
        raise Unprocessable(f"the JPEG has more than {MAX_SCANS} scans, which takes too long to decode")
    # a WebP decoder allocates all pixels when it is created
    webp_size = read_webp_size(data) if kind == "WebP" else None
    _check_size(webp_size, max_pixels)
    with _memory_limit(webp_size):
        try:
            # not Image.open: it would try other formats, and look for more images in this one
            image = _OPENERS[kind](BytesIO(data))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # Pillow's own limit
            raise TooLarge(f"the {kind} has more pixels than its decoder accepts") from None
        except Exception as error:  # noqa: BLE001 - a broken header can raise anything from a decoder
            raise _decode_error(kind, error) from None
        _check_size(image.size, max_pixels)
        yield _Opened(kind, image, jpeg)


def _memory_limit(size: tuple[int, int] | None) -> AbstractContextManager[object]:
    """Return the lock for large images if (width, height) is large."""
    return _LARGE_IMAGE_LOCK if size is not None and size[0] * size[1] > LARGE_PIXELS else nullcontext()


def _check_size(size: tuple[int, int] | None, max_pixels: int) -> None:
    if size is not None and size[0] * size[1] > max_pixels:
        raise TooLarge(f"the image has {size[0]} x {size[1]} pixels; at most {max_pixels:,} are allowed")


def _reduce(image: ImageFile, size: Size) -> None:
    """Let libjpeg decode straight to 1/2, 1/4 or 1/8, if that is enough for `size`."""
    height, width = reversed(size) if _is_sideways(image) else size
    scale = REDUCING_GAP * max(width / image.width, height / image.height)
    image.draft(None, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))


def _load(kind: str, image: ImageFile) -> None:
    try:
        image.load()
    except Exception as error:  # noqa: BLE001 - as in _opened
        raise _decode_error(kind, error) from None


def _pixels(opened: _Opened, channels: int) -> Image.Image:
    image = opened.image
    _load(opened.kind, image)
    try:
        transposition = _TRANSPOSITIONS.get(orientation(image))
        return to_rgb_or_grey(image if transposition is None else image.transpose(transposition), channels)
    except Exception as error:  # noqa: BLE001 - a palette, for example, is first read here
        raise _decode_error(opened.kind, error) from None


def _is_sideways(image: Image.Image) -> bool:
    return orientation(image) >= 5  # noqa: PLR2004 - see _TRANSPOSITIONS


def _decode_error(kind: str, error: Exception) -> Unprocessable:
    message = str(error)[:_MAX_ERROR_LENGTH]
    reason = "its content is broken"
    if "truncated" in message.lower():
        reason = "it is cut off"
    elif message.startswith("cannot handle"):
        reason = "it is of a rare kind that is not supported"
    return Unprocessable(f"the {kind} does not decode: {reason}" + (f" ({message})" if message else ""))
