"""Scores the rows of a large pool in chunks, so that memory does not grow with the pool."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nextlabel.contracts import FloatArray

CHUNK_NUMBERS = 1 << 18
"""Numbers per chunk: about 1 MB of float32, so that intermediate results stay in the CPU cache."""


def score_in_chunks(score: Callable[[FloatArray], FloatArray], rows: FloatArray) -> FloatArray:
    """Return `score` of all `rows` (n, C) as (n,) float64, computed chunk by chunk."""
    scores = np.empty(len(rows))
    step = max(1, CHUNK_NUMBERS // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        scores[start : start + step] = score(rows[start : start + step])
    return scores
