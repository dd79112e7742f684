"""Squared Euclidean distances of all pairs of two sets of vectors."""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import FloatArray


def squared_lengths(points: FloatArray) -> FloatArray:
    """Return the squared length (n,) of each of points (n, D)."""
    lengths: FloatArray = np.einsum("nd,nd->n", points, points)
    return lengths


def squared_distances(
    points: FloatArray, others: FloatArray, lengths: FloatArray | None = None, out: FloatArray | None = None
) -> FloatArray:
    """Return (n, m) squared distances between points (n, D) and others (m, D), in their precision.

    They are |x|^2 - 2 x y + |y|^2, whose rounding error grows with the lengths. In single precision, subtract a
    common centre from both sides first. `lengths` (n,) are the squared lengths of the points, if they are known.
    """
    squares: FloatArray = np.matmul(points, others.T, out=out)
    squares *= -2
    squares += (squared_lengths(points) if lengths is None else lengths)[:, None]
    squares += squared_lengths(others)
    return np.maximum(squares, 0, out=squares)
