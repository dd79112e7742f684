"""Vectors of images or of vector items, converted a part at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nextlabel.contracts import FloatArray
from nextlabel.contracts.data import PixelArray

_WHITE = 255
"""Largest value of a stored pixel."""


@dataclass(frozen=True)
class ItemVectors:
    """The n items of a pool as rows of numbers: `content` is vectors (n, d) or pixels (n, height, width, channels).

    Pixels stay bytes in memory and on disk. They become numbers where they are used.
    """

    content: FloatArray | PixelArray
    pixel_max: int = 1
    """What a white pixel becomes. Above 1, pixels are rounded to whole numbers."""

    def __len__(self) -> int:
        return len(self.content)

    @property
    def dimensions(self) -> int:
        """Length of a vector, d."""
        return int(np.prod(self.content.shape[1:]))

    def rows(self, start: int, stop: int, dtype: type[np.floating[Any]]) -> FloatArray:
        """Return the vectors (stop - start, d) of the items from `start` to before `stop`."""
        part = self.content[start:stop]
        if part.dtype != np.uint8:
            return np.asarray(part, dtype)
        scaled = part.reshape(len(part), self.dimensions) * dtype(self.pixel_max / _WHITE)
        return np.rint(scaled, out=scaled) if self.pixel_max > 1 else scaled

    def all_rows(self, dtype: type[np.floating[Any]]) -> FloatArray:
        """Return all vectors (n, d)."""
        return self.rows(0, len(self), dtype)
