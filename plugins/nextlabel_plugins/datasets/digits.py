"""The handwritten digits of scikit-learn: 1,797 images that need no download.

They are the test set of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from nextlabel.contracts import Bounds, Contents, Dataset, Pixels

MAX_INK = 16
"""Largest pixel value in scikit-learn; here it is 255."""


@dataclass(frozen=True)
class DigitsParameters:
    """Parameters of `digits`."""

    limit: Annotated[int, Bounds(ge=0), "number of images to read, from the first; 0: all 1,797"] = 0


class Digits(Dataset[DigitsParameters]):
    """8 x 8 greyscale images of the digits 0 to 9, all with known class."""

    def read(self, root: Path | None, seed: int) -> Contents:  # noqa: ARG002 - part of scikit-learn, nothing is random
        """Read the first `limit` images; ids are "0" to "1796"."""
        from sklearn.datasets import load_digits  # noqa: PLC0415 - the import takes a second

        ink, truth = load_digits(return_X_y=True)
        count = min(self.parameters.limit or len(ink), len(ink))
        array = np.rint(ink[:count].reshape(-1, 8, 8) * (255 / MAX_INK)).astype(np.uint8)
        return Contents(
            ids=[str(number) for number in range(count)],
            content=Pixels(array),
            classes=tuple(str(digit) for digit in range(10)),
            truth=truth[:count].astype(np.int64),
        )
