"""Images as a learner sees them: in one array, in files, or the one behind the other."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from nextlabel.contracts.data import ImageItems, IntArray, Items, PixelArray
from nextlabel.contracts.errors import Unprocessable
from nextlabel.engine.images.decode_limit import Room
from nextlabel.engine.images.decoding import MAX_PIXELS, fit, prepare
from nextlabel.engine.images.to_rgb import flat
from nextlabel.engine.images.unreadable import REFUSED, Unread, why

_THREADS_FROM = 16
_WHITE = 255


@dataclass(frozen=True)
class PixelItems:
    """Images of one size in an array, (n, height, width) or (n, height, width, 3)."""

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
        """Return the images at `positions`."""
        return PixelItems(self.array[positions])

    def pixels(self, size: tuple[int, int], channels: int) -> PixelArray:
        """Return (n, height, width, channels)."""
        if size == self.size and channels == self.channels:
            return np.ascontiguousarray(self.array if self.array.ndim == 4 else self.array[..., None])  # noqa: PLR2004
        out = np.empty((len(self.array), *size, channels), np.uint8)
        for row, image in enumerate(self.array):
            out[row] = fit(flat(Image.fromarray(image), channels), size)
        return out


@dataclass(frozen=True)
class FileItems:
    """Images of any size in files."""

    paths: Sequence[Path]
    channels: int = 3
    max_pixels: int = MAX_PIXELS
    size: tuple[int, int] | None = None
    unread: Unread | None = field(default=None, compare=False)
    """Where a file that cannot be read is noted, and white stands in for it; None: it is an error."""

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, positions: IntArray) -> FileItems:
        """Return the images at `positions`."""
        return replace(self, paths=[self.paths[int(p)] for p in positions])

    def pixels(self, size: tuple[int, int], channels: int) -> PixelArray:
        """Return (n, height, width, channels); unless `unread` notes it, Unprocessable names a file that is broken."""
        out = np.empty((len(self.paths), *size, channels), np.uint8)
        room = Room()

        def read(row: int) -> None:
            try:
                data = self.paths[row].read_bytes()
                with room.for_all([data]):
                    out[row] = prepare(data, size, channels, self.max_pixels)
            except REFUSED as error:
                if self.unread is None:
                    raise Unprocessable(f"{self.paths[row]}: {why(error)}") from error
                self.unread.note(self.paths[row], why(error))
                out[row] = _WHITE

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
    """Several runs of images as one: a data set's, then what people added."""

    parts: Sequence[ImageItems]

    @property
    def size(self) -> tuple[int, int] | None:
        """The size those parts agree on that have one, or None: one upload must not change what a network sees."""
        sizes = {part.size for part in self.parts if part.size is not None}
        return sizes.pop() if len(sizes) == 1 else None

    @property
    def channels(self) -> int:
        """The most any part has."""
        return max((part.channels for part in self.parts), default=3)

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def take(self, positions: IntArray) -> ImageItems:
        """Return the images at `positions`."""
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


def unread(items: Items) -> IntArray:
    """Return the positions of those whose file could not be read when their pixels were asked for."""
    found: list[int] = []
    if isinstance(items, JoinedItems):
        starts = np.cumsum([0, *(len(part) for part in items.parts)])
        found = [int(start + row) for start, part in zip(starts, items.parts, strict=False) for row in unread(part)]
    elif isinstance(items, FileItems) and items.unread is not None:
        found = [row for row, path in enumerate(items.paths) if path in items.unread]
    return np.array(found, np.int64)
