"""Pictures as a learner sees them: in one array, in files, or the one behind the other."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from nextlabel.contracts.errors import TooLarge, Unprocessable, Unsupported
from nextlabel.contracts.items import ImageItems, IntArray, PixelArray
from nextlabel.engine.pictures.decoding import MAX_PIXELS, fit, flat, prepare

_THREADS_FROM = 16


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
            out[row] = fit(flat(Image.fromarray(picture), channels), size)
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
