"""Margin sampling: query items whose two most probable classes are closest.

    score(x) = p(second | x) - p(first | x)

Scheffer, Decomain and Wrobel, "Active hidden Markov models for information extraction", IDA 2001.
"""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import FloatArray, NoParameters, Pool, Strategy
from nextlabel_plugins.strategies.chunked import score_in_chunks


class Margin(Strategy[NoParameters]):
    """Prefers items with a small gap between the two most probable classes."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002 - nothing is random
        """Return (n,) scores from -1 (certain) to 0 (a tie)."""
        if pool.probabilities.shape[1] == 1:
            return np.full(pool.size, -1.0)
        return score_in_chunks(_margin, pool.probabilities)


def _margin(rows: FloatArray) -> FloatArray:
    best = np.partition(rows, rows.shape[1] - 2, axis=1)[:, -2:].astype(np.float64)
    return best[:, 0] - best[:, 1]
