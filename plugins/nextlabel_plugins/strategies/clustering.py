"""k-means.

Start: Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007, in the greedy form of its
section 5. Iterations: Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory, 1982.
"""

from __future__ import annotations

import math

import numpy as np

from nextlabel.contracts import FloatArray, IntArray
from nextlabel_plugins.squared_distances import squared_distances, squared_lengths
from nextlabel_plugins.strategies.distances import nearest_centres

TOLERANCE = 1e-4
"""The iterations end when the centres move less than this, squared and relative to the variance of the points."""
MAX_ITERATIONS = 300


def kmeans_centres(
    points: FloatArray, count: int, rng: np.random.Generator, weights: FloatArray | None = None
) -> FloatArray:
    """Return the `count` centres (k, D) of points (n, D), which have positive `weights` (n,); n is at least k.

    If fewer than `count` points are distinct, some centres are equal.
    """
    weights = np.ones(len(points)) if weights is None else weights
    tolerance = TOLERANCE * points.var(axis=0).mean()
    centres = points[start_positions(points, count, rng, weights)]
    for _ in range(MAX_ITERATIONS):
        before, centres = centres, _moved(points, centres, weights)
        if ((centres - before) ** 2).sum() <= tolerance:
            break
    return centres


def start_positions(points: FloatArray, count: int, rng: np.random.Generator, weights: FloatArray) -> IntArray:
    """Return the positions (k,) of k-means++ among points (n, D): each of some drawn ones that lowers the loss most.

    They are drawn with probabilities in proportion to the weight times the squared distance to those before.
    """
    points = points - points.mean(axis=0)
    lengths, trials = squared_lengths(points), 2 + int(math.log(count))
    chosen = np.empty(count, np.int64)
    losses = np.array(weights, np.float64)  # of the first one, only the weights count
    nearest = np.full(len(points), np.inf, points.dtype)
    for number in range(count):
        sums = np.cumsum(losses)
        drawn = np.searchsorted(sums, rng.random(trials if number else 1) * sums[-1], side="right")
        drawn = np.minimum(drawn, len(points) - 1)  # if all distances are 0
        squares = np.minimum(squared_distances(points, points[drawn], lengths), nearest[:, None])
        best = int((weights @ squares).argmin())
        chosen[number], nearest = drawn[best], squares[:, best]
        losses = weights * nearest
    return chosen


def nearest_distinct(points: FloatArray, centres: FloatArray) -> IntArray:
    """Return (k,) for each centre (k, D) the nearest of points (n, D) that no centre before it has; k <= n."""
    squares = squared_distances(centres.astype(np.float64), points.astype(np.float64))
    nearest = np.empty(len(centres), np.int64)
    for number, row in enumerate(squares):
        row[nearest[:number]] = np.inf
        nearest[number] = row.argmin()
    return nearest


def _moved(points: FloatArray, centres: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted means (k, D) of the points nearest to each centre.

    A centre to which none is nearest becomes the point farthest from its centre, the next such one the second farthest.
    """
    numbers, squares = nearest_centres(points, centres)
    order = np.argsort(numbers, kind="stable")
    used, starts = np.unique(numbers[order], return_index=True)
    weighted = points[order] * weights[order, None].astype(points.dtype)
    sums = np.add.reduceat(weighted, starts, axis=0, dtype=np.float64)
    moved = centres.copy()
    moved[used] = sums / np.add.reduceat(weights[order], starts)[:, None]
    unused = np.setdiff1d(np.arange(len(centres)), used, assume_unique=True)
    moved[unused] = points[np.argsort(-squares, kind="stable")[: len(unused)]]
    return moved
