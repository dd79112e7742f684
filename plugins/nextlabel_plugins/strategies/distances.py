"""The nearest of some embeddings to each of many, batch by batch.

Single precision is enough: a common centre is subtracted before distances are computed (see `squared_distances`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nextlabel.contracts import FloatArray, IntArray, Pool
from nextlabel_plugins.squared_distances import squared_distances, squared_lengths

CHUNK_NUMBERS = 1 << 22
"""Numbers of embeddings per batch, and of distances at a time: 16 MB of float32."""


def embedding_batches(pool: Pool) -> Iterator[tuple[slice, FloatArray]]:
    """Yield the embeddings of the whole pool, some rows at a time, with the place of these rows."""
    step = max(1, CHUNK_NUMBERS // max(1, pool.rows("embeddings", np.arange(1)).shape[1]))
    for start in range(0, pool.size, step):
        rows = np.arange(start, min(start + step, pool.size))
        yield slice(start, start + len(rows)), pool.rows("embeddings", rows)


def nearest_centres(points: FloatArray, centres: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return for each of points (n, D) the number of the nearest of centres (k, D), and its squared distance, (n,)."""
    origin = centres.mean(axis=0)
    points, centres = points - origin, centres - origin
    numbers, squares = np.empty(len(points), np.int64), np.empty(len(points), points.dtype)
    step = max(1, CHUNK_NUMBERS // len(centres))
    for start in range(0, len(points), step):
        part = squared_distances(points[start : start + step], centres)
        numbers[start : start + step] = nearest = part.argmin(axis=1)
        squares[start : start + step] = part[np.arange(len(part)), nearest]
    return numbers, squares


def distances_to_nearest(points: FloatArray, others: FloatArray) -> FloatArray:
    """Return (n,) distances of points (n, D) to the nearest of others (m, D); infinite if there are none."""
    nearest = np.full(len(points), np.inf, points.dtype)
    if len(others):
        origin = others.mean(axis=0)
        points, others = points - origin, others - origin
        lengths = squared_lengths(points)
        step = max(1, CHUNK_NUMBERS // max(1, len(points)))
        for start in range(0, len(others), step):
            squares = squared_distances(points, others[start : start + step], lengths)
            np.minimum(nearest, squares.min(axis=1), out=nearest)
    return np.sqrt(nearest)
