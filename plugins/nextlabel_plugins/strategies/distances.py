"""Euclidean distances between embeddings, of large pools batch by batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nextlabel.contracts import FloatArray, Pool

CHUNK_NUMBERS = 1 << 22
"""Numbers of embeddings per batch, and of distances at a time: 16 MB of float32."""


def embedding_batches(pool: Pool) -> Iterator[tuple[slice, FloatArray]]:
    """Yield the embeddings of the whole pool, some rows at a time, with the place of these rows."""
    step = max(1, CHUNK_NUMBERS // max(1, pool.rows("embeddings", np.arange(1)).shape[1]))
    for start in range(0, pool.size, step):
        rows = np.arange(start, min(start + step, pool.size))
        yield slice(start, start + len(rows)), pool.rows("embeddings", rows)


def squared_lengths(points: FloatArray) -> FloatArray:
    """Return the squared length (n,) of each of points (n, D)."""
    lengths: FloatArray = np.einsum("nd,nd->n", points, points)
    return lengths


def squared_distances(points: FloatArray, others: FloatArray, lengths: FloatArray | None = None) -> FloatArray:
    """Return (n, m) squared distances between points (n, D) and others (m, D), in their precision.

    `lengths` (n,) are the squared lengths of the points, if they are known.
    """
    squares = points @ (-2 * others.T)
    squares += (squared_lengths(points) if lengths is None else lengths)[:, None]
    squares += squared_lengths(others)
    return np.maximum(squares, 0, out=squares)


def distances_to_nearest(points: FloatArray, others: FloatArray) -> FloatArray:
    """Return (n,) distances of points (n, D) to the nearest of others (m, D); infinite if there are none."""
    nearest, lengths = np.full(len(points), np.inf, points.dtype), squared_lengths(points)
    step = max(1, CHUNK_NUMBERS // max(1, len(points)))
    for start in range(0, len(others), step):
        squares = squared_distances(points, others[start : start + step], lengths)
        np.minimum(nearest, squares.min(axis=1), out=nearest)
    return np.sqrt(nearest)
