"""Least confidence: ask where the best guess is least sure.

    score(x) = 1 - max_c p(c | x)

Lewis and Gale, "A sequential algorithm for training text classifiers", SIGIR 1994.
"""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import FloatArray, NoParameters, Pool, Strategy
from nextlabel_plugins.strategies.chunked import by_blocks


class LeastConfidence(Strategy[NoParameters]):
    """Asks where the most probable class is least probable."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002 - drawn from by others
        """Return (n,) numbers from 0, certain, to 1 - 1/C, uniform."""
        return by_blocks(lambda rows: 1.0 - rows.max(axis=1), pool.probabilities)
