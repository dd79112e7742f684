"""Random sampling: the arm every other strategy is measured against."""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import FloatArray, NoParameters, Pool, Strategy


class Random(Strategy[NoParameters]):
    """Asks any open item, each as likely as the others; the score is the draw itself."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return (n,) numbers drawn from [0, 1)."""
        return rng.random(pool.size)
