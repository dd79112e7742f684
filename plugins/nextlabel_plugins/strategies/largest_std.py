"""Largest standard deviation: for regression, query where the prediction is least certain.

    score(x) = std(y | x)

MacKay, "Information-based objective functions for active data selection", Neural Computation, 1992.
"""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import FloatArray, NoParameters, Pool, Strategy


class LargestStd(Strategy[NoParameters]):
    """Prefers items whose predicted value has the largest standard deviation."""

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002 - nothing is random
        """Return (n,) standard deviations, in the unit of the values; all equal before the first model."""
        return pool.std
