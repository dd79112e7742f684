"""`ImageItems` stored in an array, in files, or in several such parts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nextlabel.contracts.data import ImageItems, IntArray, Items, PixelArray, VectorItems
from nextlabel.contracts.errors import Unprocessable
from nextlabel.engine.feature_items import FeatureItems
from nextlabel.engine.images.decoding import MAX_PIXELS, prepare, resize_and_crop
from nextlabel.engine.images.to_rgb import to_rgb_or_grey
from nextlabel.engine.images.unreadable import DECODE_ERRORS, UnreadableFiles, error_reason

_MIN_FILES_FOR_THREADS = 16
_WHITE = 255


@dataclass(frozen=True)
class PixelItems:
    """Images of one size: those in an array (m, height, width) or (m, height, width, 3), or some of them.

    The array may be on disk. It is read when `pixels` is called, and only where the images are.
    """

    array: PixelArray
    positions: IntArray | None = None
    """(n,): the rows of the images in `array`; None for all of them, in order."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.array.shape[1], self.array.shape[2]

    @property
    def channels(self) -> int:
        """1 or 3."""
        return 1 if self.array.ndim == 3 else 3  # noqa: PLR2004

    def __len__(self) -> int:
        return len(self.array if self.positions is None else self.positions)

    @property
    def images(self) -> PixelArray:
        """The images as they are, read from the array."""
        return self.array if self.positions is None else self.array[self.positions]

    def take(self, positions: IntArray) -> PixelItems:
        """Return the images at `positions`, or where a mask is True, without reading them yet."""
        positions = np.asarray(positions)
        if positions.dtype == np.bool_:
            positions = np.flatnonzero(positions)
        return PixelItems(self.array, positions if self.positions is None else self.positions[positions])

    def pixels(self, size: tuple[int, int], channels: int) -> PixelArray:
        """Return (n, height, width, channels)."""
        array = self.images
        if size == self.size and channels == self.channels:
            return np.ascontiguousarray(array if array.ndim == 4 else array[..., None])  # noqa: PLR2004
        out = np.empty((len(array), *size, channels), np.uint8)
        for row, image in enumerate(array):
            out[row] = resize_and_crop(to_rgb_or_grey(Image.fromarray(image), channels), size)
        return out


def items_in(array: NDArray[Any]) -> PixelItems | VectorItems:
    """Return items for images (n, height, width, 1 or 3) of type uint8, or for vectors (n, d)."""
    if array.dtype != np.uint8:
        return VectorItems(array)
    return PixelItems(array[..., 0] if array.shape[3] == 1 else array)


@dataclass(frozen=True)
class FileItems:
    """Images of any size in files."""

    paths: Sequence[Path]
    channels: int = 3
    max_pixels: int = MAX_PIXELS
    size: tuple[int, int] | None = None
    unreadable: UnreadableFiles | None = field(default=None, compare=False)
    """If set, unreadable files are recorded here and replaced by a white image; if None, they raise."""

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, positions: IntArray) -> FileItems:
        """Return the images at `positions`."""
        return replace(self, paths=[self.paths[int(p)] for p in positions])

    def pixels(self, size: tuple[int, int], channels: int) -> PixelArray:
        """Return (n, height, width, channels).

        Raises Unprocessable, with the file's path, if a file cannot be read and `unreadable` is None.
        """
        out = np.empty((len(self.paths), *size, channels), np.uint8)

        def read(row: int) -> None:
            try:
                out[row] = prepare(self.paths[row], size, channels, self.max_pixels)
            except DECODE_ERRORS as error:
                if self.unreadable is None:
                    raise Unprocessable(f"{self.paths[row]}: {error_reason(error)}") from error
                self.unreadable.add(self.paths[row], error_reason(error))
                out[row] = _WHITE

        if len(self.paths) < _MIN_FILES_FOR_THREADS:
            for row in range(len(self.paths)):
                read(row)
        else:
            # Pillow decodes and resizes without holding the interpreter's lock
            with ThreadPoolExecutor() as threads:
                list(threads.map(read, range(len(self.paths))))
        return out


@dataclass(frozen=True)
class JoinedItems:
    """Several parts in sequence, such as the images of a data set and those that users added."""

    parts: Sequence[ImageItems]

    @property
    def size(self) -> tuple[int, int] | None:
        """The size shared by all parts that have one, or None.

        Files have none, so that an upload does not change the size that a network gets.
        """
        sizes = {part.size for part in self.parts if part.size is not None}
        return sizes.pop() if len(sizes) == 1 else None

    @property
    def channels(self) -> int:
        """The largest number of channels of any part."""
        return max((part.channels for part in self.parts), default=3)

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def take(self, positions: IntArray) -> ImageItems:
        """Return the images at `positions`."""
        starts = np.cumsum([0, *(len(part) for part in self.parts)])
        owners = np.searchsorted(starts, positions, side="right") - 1
        # neighbours from the same part become one part, so that ascending positions give few parts
        cuts = [0, *(np.flatnonzero(np.diff(owners)) + 1), len(positions)]
        taken = [
            self.parts[owners[low]].take(positions[low:high] - starts[owners[low]])
            for low, high in pairwise(cuts)
            if high > low
        ]
        return taken[0] if len(taken) == 1 else JoinedItems(taken)

    def pixels(self, size: tuple[int, int], channels: int) -> PixelArray:
        """Return (n, height, width, channels)."""
        if not self.parts:
            return np.empty((0, *size, channels), np.uint8)
        return np.concatenate([part.pixels(size, channels) for part in self.parts])


def unreadable_positions(items: Items) -> IntArray:
    """Return the positions of items whose file could not be read when their pixels were requested."""
    if isinstance(items, FeatureItems):
        return items.unreadable
    positions: list[int] = []
    if isinstance(items, JoinedItems):
        starts = np.cumsum([0, *(len(part) for part in items.parts)])
        for start, part in zip(starts, items.parts, strict=False):
            positions += [int(start + row) for row in unreadable_positions(part)]
    elif isinstance(items, FileItems) and items.unreadable is not None:
        positions = [row for row, path in enumerate(items.paths) if path in items.unreadable]
    return np.array(positions, np.int64)
