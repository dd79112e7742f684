"""Row-wise scores of a pool far larger than the cache, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nextlabel.contracts import FloatArray

CELLS = 1 << 18
"""Numbers in a block: about 1 MB of float32, so that what is computed from it stays in the cache."""


def by_blocks(score: Callable[[FloatArray], FloatArray], rows: FloatArray) -> FloatArray:
    """Return `score` of every row of `rows` (n, C) as (n,) float64, a block of rows at a time."""
    scores = np.empty(len(rows))
    step = max(1, CELLS // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        scores[start : start + step] = score(rows[start : start + step])
    return scores
