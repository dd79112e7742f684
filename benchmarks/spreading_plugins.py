"""A strategy for `spreading.py`: the items of least entropy, which the original program's sort chooses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nextlabel.contracts import FloatArray, NoParameters, Pool, Strategy, StrategyPlugin, hookimpl

_TINY = 1e-300
"""Smallest probability, so that its logarithm is finite."""


class LeastEntropy(Strategy[NoParameters]):
    """The items whose class is most certain."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return the negative entropy of each item's probabilities."""
        del rng
        rows = np.asarray(pool.probabilities, np.float64)
        return np.asarray((rows * np.log(np.maximum(rows, _TINY))).sum(axis=1))


@hookimpl
def nextlabel_strategies() -> Iterator[StrategyPlugin]:
    """Offer the strategy."""
    yield StrategyPlugin("least-entropy", "items of least entropy", LeastEntropy, needs=["probabilities"])
