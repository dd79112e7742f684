"""Margin: ask where the two best guesses are closest.

    score(x) = p(second | x) - p(first | x)

Scheffer, Decomain and Wrobel, "Active hidden Markov models for information extraction", IDA 2001.
"""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import FloatArray, NoParameters, Pool, Strategy
from nextlabel_plugins.strategies.chunked import by_blocks


class Margin(Strategy[NoParameters]):
    """Asks where the most probable class leads the next by least."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002 - drawn from by others
        """Return (n,) numbers from -1, certain, to 0, a tie."""
        if pool.probabilities.shape[1] == 1:
            return np.full(pool.size, -1.0)
        return by_blocks(_margin, pool.probabilities)


def _margin(rows: FloatArray) -> FloatArray:
    best = np.partition(rows, rows.shape[1] - 2, axis=1)[:, -2:].astype(np.float64)
    return best[:, 0] - best[:, 1]
