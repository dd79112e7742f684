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
    shuffle_seed: Annotated[
        int, Bounds(ge=-1, lt=2**32), "seed of numpy's `RandomState`, which shuffles the images first; -1: not shuffled"
    ] = -1
    labelled: Annotated[
        int, Bounds(ge=0), "number of images, from the first, that are labelled at the start; 0: as `[labels] initial`"
    ] = 0


class Digits(Dataset[DigitsParameters]):
    """8 x 8 greyscale images of the digits 0 to 9, all with known class."""

    def read(self, root: Path | None, seed: int) -> Contents:  # noqa: ARG002 - part of scikit-learn, nothing is random
        """Read the first `limit` images; their ids are their numbers in scikit-learn, "0" to "1796"."""
        from sklearn.datasets import load_digits  # noqa: PLC0415 - the import takes a second

        options = self.parameters
        ink, truth = load_digits(return_X_y=True)
        numbers = np.arange(len(ink))
        if options.shuffle_seed >= 0:
            np.random.RandomState(options.shuffle_seed).shuffle(numbers)
        numbers = numbers[: options.limit or len(ink)]
        array = np.rint(ink[numbers].reshape(-1, 8, 8) * (255 / MAX_INK)).astype(np.uint8)
        return Contents(
            ids=[str(number) for number in numbers],
            content=Pixels(array),
            classes=tuple(str(digit) for digit in range(10)),
            truth=truth[numbers].astype(np.int64),
            initial=np.arange(min(options.labelled, len(numbers))) if options.labelled else None,
        )
