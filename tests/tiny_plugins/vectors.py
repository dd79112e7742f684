"""Distances and k-means on the embeddings of a pool, in batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nextlabel.contracts import FloatArray, Pool

BATCH = 16_384


def batches(pool: Pool) -> Iterator[tuple[slice, FloatArray]]:
    """Yield the embeddings of the whole pool, some rows at a time, with the place of these rows."""
    for start in range(0, pool.size, BATCH):
        rows = np.arange(start, min(start + BATCH, pool.size))
        yield slice(start, start + len(rows)), pool.rows("embeddings", rows)


def squared_distances(points: FloatArray, others: FloatArray) -> FloatArray:
    """Return (n, m) squared distances between points (n, D) and others (m, D)."""
    squares = -2 * points @ others.T
    squares += np.einsum("nd,nd->n", points, points)[:, None]
    squares += np.einsum("md,md->m", others, others)
    return np.maximum(squares, 0, out=squares)


def distance_to_nearest(points: FloatArray, others: FloatArray) -> FloatArray:
    """Return (n,) distances to the nearest of others (m, D); infinite if there are none."""
    nearest = np.full(len(points), np.inf, np.float32)
    for start in range(0, len(others), 1024):
        squares = squared_distances(points, others[start : start + 1024])
        np.minimum(nearest, squares.min(axis=1), out=nearest)
    return np.sqrt(nearest)


def kmeans(
    points: FloatArray,
    count: int,
    rng: np.random.Generator,
    weights: FloatArray | None = None,
    fixed: FloatArray | None = None,
    steps: int = 20,
) -> FloatArray:
    """Return at most `count` centres (k, D) of points (n, D): k-means++ (Arthur and Vassilvitskii), then Lloyd's steps.

    Points that are nearer to one of the `fixed` points (f, D) than to any centre belong to no centre.
    """
    fixed = points[:0] if fixed is None else fixed
    weights = np.ones(len(points)) if weights is None else np.asarray(weights, np.float64)
    apart = np.minimum(distance_to_nearest(points, fixed), np.finfo(np.float32).max ** 0.25).astype(np.float64) ** 2
    centres = []
    for _ in range(count):
        chances = weights * apart
        if not (total := chances.sum()) > 0:
            break
        centres.append(points[rng.choice(len(points), p=chances / total)])
        apart = np.minimum(apart, squared_distances(points, centres[-1][None])[:, 0])
    if not centres:
        return points[:0]
    middle, last = np.stack(centres), None
    for _ in range(steps):
        nearest = squared_distances(points, np.concatenate([middle, fixed])).argmin(axis=1)
        if last is not None and np.array_equal(nearest, last):
            break
        last = nearest
        for number in range(len(middle)):
            inside = nearest == number
            if weights[inside].sum() > 0:
                middle[number] = np.average(points[inside], axis=0, weights=weights[inside])
    return middle


def pool_centres(
    pool: Pool, count: int, rng: np.random.Generator, fixed: FloatArray | None = None, sample: int = 20_000
) -> FloatArray:
    """Return k-means centres of a pool, from at most `sample` of its items."""
    drawn = np.sort(rng.permutation(pool.size)[:sample])
    return kmeans(pool.rows("embeddings", drawn), count, rng, fixed=fixed)
