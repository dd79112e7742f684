"""A noisy sine, for regression: points x in [0, 20] with the value sin(x) + N(0, noise^2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from nextlabel.contracts import Bounds, Contents, Dataset, FloatArray, TestSplit, VectorItems

END = 20.0
GRID = 10_000
"""Number of equally spaced points from 0 to `END`, of which the pool's are drawn."""
TESTS = 1_000
"""Number of equally spaced points of the test split."""
STREAM = int.from_bytes(b"noisy sine", "big")
"""Separates these random numbers from all others that are derived from a project's seed."""


@dataclass(frozen=True)
class SineParameters:
    """Parameters of `sine`."""

    points: Annotated[int, Bounds(ge=1, le=GRID), "number of points in the pool"] = 200
    noise: Annotated[float, Bounds(ge=0), "standard deviation of the noise of a value"] = 0.3


class Sine(Dataset[SineParameters]):
    """Distinct points drawn from the grid; the test split is the sine itself, without noise."""

    def read(self, root: Path | None, seed: int) -> Contents:  # noqa: ARG002 - there are no files
        """Draw points and noise with `seed`; an item's id is its number in the grid, in ascending order."""
        rng = np.random.Generator(np.random.PCG64([STREAM, seed]))
        numbers = np.sort(rng.choice(GRID, self.parameters.points, replace=False))
        x = np.linspace(0, END, GRID)[numbers]
        tests = np.linspace(0, END, TESTS)
        return Contents(
            ids=[str(number) for number in numbers],
            content=_vectors(x),
            truth=np.sin(x) + rng.normal(0, self.parameters.noise, len(x)),
            test=TestSplit(_vectors(tests), np.sin(tests)),
        )


def _vectors(x: FloatArray) -> VectorItems:
    return VectorItems(x.astype(np.float32)[:, None])
