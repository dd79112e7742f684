"""Margin sampling: query items whose two most probable classes are closest.

    score(x) = M(x) = 1 - (p(first | x) - p(second | x))

Scheffer, Decomain and Wrobel, "Active hidden Markov models for information extraction", IDA 2001.
"""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import FloatArray, NoParameters, Pool, Strategy
from nextlabel_plugins.strategies.chunked import score_in_chunks


class Margin(Strategy[NoParameters]):
    """Prefers items with a small gap between the two most probable classes."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002 - nothing is random
        """Return (n,) scores from 0 (certain) to 1 (a tie)."""
        return one_minus_margin(pool.probabilities)


def one_minus_margin(probabilities: FloatArray) -> FloatArray:
    """Return (n,) M = 1 - (p(first) - p(second)) of probabilities (n, C), as float64; 0 if there is one class."""
    if probabilities.shape[1] == 1:
        return np.zeros(len(probabilities))
    return score_in_chunks(_one_minus_gap, probabilities)


def _one_minus_gap(rows: FloatArray) -> FloatArray:
    best = np.partition(rows, rows.shape[1] - 2, axis=1)[:, -2:].astype(np.float64)
    return 1.0 - (best[:, 1] - best[:, 0])
