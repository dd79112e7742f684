"""Entropy: ask where the prediction holds the least information.

    score(x) = -sum_c p(c | x) log p(c | x)

Shannon, "A mathematical theory of communication", 1948; as a query, Settles, "Active learning
literature survey", 2009, section 3.1.
"""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import FloatArray, NoParameters, Pool, Strategy
from nextlabel_plugins.strategies.chunked import by_blocks


class Entropy(Strategy[NoParameters]):
    """Asks where the probabilities are spread widest over the classes."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002 - drawn from by others
        """Return (n,) numbers from 0, certain, to log C, uniform, in nats."""
        return by_blocks(_entropy, pool.probabilities)


def _entropy(rows: FloatArray) -> FloatArray:
    logarithms = np.log(np.maximum(rows, np.finfo(rows.dtype).tiny))
    sums: FloatArray = np.einsum("nc,nc->n", rows, logarithms)
    return -sums
