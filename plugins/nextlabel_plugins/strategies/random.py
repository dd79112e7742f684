"""Random sampling: the baseline for all other strategies."""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import FloatArray, NoParameters, Pool, Strategy


class Random(Strategy[NoParameters]):
    """Queries all open items with equal probability; the score is a random number."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return (n,) random numbers in [0, 1)."""
        return rng.random(pool.size)
