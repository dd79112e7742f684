"""Entropy sampling: query items whose predicted distribution is the most spread out.

    score(x) = -sum_c p(c | x) log p(c | x)

Shannon, "A mathematical theory of communication", 1948; as a query, Settles, "Active learning
literature survey", 2009, section 3.1.
"""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import FloatArray, NoParameters, Pool, Strategy
from nextlabel_plugins.strategies.chunked import score_in_chunks


class Entropy(Strategy[NoParameters]):
    """Prefers items with the highest entropy of the class probabilities."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002 - nothing is random
        """Return (n,) entropies in nats, from 0 (certain) to log C (uniform)."""
        return score_in_chunks(_entropy, pool.probabilities)


def _entropy(rows: FloatArray) -> FloatArray:
    logarithms = np.log(np.maximum(rows, np.finfo(rows.dtype).tiny))
    sums: FloatArray = np.einsum("nc,nc->n", rows, logarithms)
    return -sums
