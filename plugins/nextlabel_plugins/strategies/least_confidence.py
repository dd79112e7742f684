"""Least confidence sampling: query items whose most probable class has the lowest probability.

    score(x) = 1 - max_c p(c | x)

Lewis and Gale, "A sequential algorithm for training text classifiers", SIGIR 1994.
"""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import FloatArray, NoParameters, Pool, Strategy
from nextlabel_plugins.strategies.chunked import score_in_chunks


class LeastConfidence(Strategy[NoParameters]):
    """Prefers items whose most probable class has a low probability."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002 - nothing is random
        """Return (n,) scores from 0 (certain) to 1 - 1/C (uniform)."""
        return score_in_chunks(lambda rows: 1.0 - rows.max(axis=1), pool.probabilities)
