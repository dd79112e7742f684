"""Pictures: decoded in one place, so that a model sees in training what it sees in `/predict`.

Every picture is made upright, flattened on white, resized (antialiased, bilinear) until its
shorter side fits, and cropped to the centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from nextlabel.contracts.errors import TooLarge, Unprocessable, Unsupported
from nextlabel.contracts.items import ImageItems, IntArray, PixelArray

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_MEDIA = {**FORMATS, "MPO": "image/jpeg"}
"""By what Pillow says it opened: many telephones write a JPEG with a second picture behind it."""
MAX_PIXELS = 50_000_000
_THREADS_FROM = 16
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
        return fit(_flat(_upright(_load(image)), channels), size)


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


@dataclass(frozen=True)
class PixelItems:
    """Pictures of one size in an array, (n, height, width) or (n, height, width, 3)."""

    array: PixelArray

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.array.shape[1], self.array.shape[2]

    @property
    def channels(self) -> int:
        """1 or 3."""
        return 1 if self.array.ndim == 3 else 3  # noqa: PLR2004

    def __len__(self) -> int:
        return len(self.array)

    def take(self, positions: IntArray) -> PixelItems:
        """Return the pictures at `positions`."""
        return PixelItems(self.array[positions])

    def pixels(self, size: tuple[int, int], channels: int) -> PixelArray:
        """Return (n, height, width, channels)."""
        if size == self.size and channels == self.channels:
            return np.ascontiguousarray(self.array if self.array.ndim == 4 else self.array[..., None])  # noqa: PLR2004
        out = np.empty((len(self.array), *size, channels), np.uint8)
        for row, picture in enumerate(self.array):
            out[row] = fit(_flat(Image.fromarray(picture), channels), size)
        return out


@dataclass(frozen=True)
class FileItems:
    """Pictures of any size in files."""

    paths: Sequence[Path]
    channels: int = 3
    max_pixels: int = MAX_PIXELS
    size: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, positions: IntArray) -> FileItems:
        """Return the pictures at `positions`."""
        return FileItems([self.paths[int(p)] for p in positions], self.channels, self.max_pixels)

    def pixels(self, size: tuple[int, int], channels: int) -> PixelArray:
        """Return (n, height, width, channels); Unprocessable names the file that does not decode."""
        out = np.empty((len(self.paths), *size, channels), np.uint8)

        def read(row: int) -> None:
            try:
                out[row] = prepare(self.paths[row], size, channels, self.max_pixels)
            except (OSError, Unsupported, Unprocessable, TooLarge) as error:
                raise Unprocessable(f"{self.paths[row]}: {error}") from error

        if len(self.paths) < _THREADS_FROM:
            for row in range(len(self.paths)):
                read(row)
        else:
            # Pillow decodes and resizes without holding the interpreter's lock
            with ThreadPoolExecutor() as threads:
                list(threads.map(read, range(len(self.paths))))
        return out


@dataclass(frozen=True)
class JoinedItems:
    """Several runs of pictures as one: a data set's, then what people added."""

    parts: Sequence[ImageItems]

    @property
    def size(self) -> tuple[int, int] | None:
        """The size all parts share, or None."""
        sizes = {part.size for part in self.parts}
        return sizes.pop() if len(sizes) == 1 else None

    @property
    def channels(self) -> int:
        """The most any part has."""
        return max((part.channels for part in self.parts), default=3)

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def take(self, positions: IntArray) -> ImageItems:
        """Return the pictures at `positions`."""
        starts = np.cumsum([0, *(len(part) for part in self.parts)])
        owners = np.searchsorted(starts, positions, side="right") - 1
        # neighbours from the same part stay one run, so that ascending positions give few runs
        cuts = [0, *(np.flatnonzero(np.diff(owners)) + 1), len(positions)]
        runs = [
            self.parts[owners[low]].take(positions[low:high] - starts[owners[low]])
            for low, high in pairwise(cuts)
            if high > low
        ]
        return runs[0] if len(runs) == 1 else JoinedItems(runs)

    def pixels(self, size: tuple[int, int], channels: int) -> PixelArray:
        """Return (n, height, width, channels)."""
        if not self.parts:
            return np.empty((0, *size, channels), np.uint8)
        return np.concatenate([part.pixels(size, channels) for part in self.parts])


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


def _flat(image: Image.Image, channels: int) -> Image.Image:
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
