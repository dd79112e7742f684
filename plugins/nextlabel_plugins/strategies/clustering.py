"""k-means, by scikit-learn: the same seed gives the same centres, whatever the number of threads.

Seeding: Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007. Iterations: Lloyd,
"Least squares quantization in PCM", IEEE Transactions on Information Theory, 1982.
"""

from __future__ import annotations

import warnings

import numpy as np

from nextlabel.contracts import FloatArray, IntArray
from nextlabel_plugins.strategies.distances import squared_distances

TOLERANCE = 1e-4
"""The iterations end when the centres move less than this, squared and relative to the variance of the points."""


def kmeans_centres(
    points: FloatArray, count: int, rng: np.random.Generator, weights: FloatArray | None = None
) -> FloatArray:
    """Return the `count` centres (k, D) of points (n, D), which have positive `weights` (n,); n is at least k.

    If fewer than `count` points are distinct, some centres are equal.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 - the import takes a second
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - scikit-learn needs it, nothing else here does

    means = KMeans(count, n_init=1, tol=TOLERANCE, random_state=int(rng.integers(1 << 32)))
    # several threads add up their sums in any order, and the last digits would differ from run to run
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # too few distinct points
        means.fit(points, sample_weight=weights)
    centres: FloatArray = means.cluster_centers_
    return centres


def nearest_distinct(points: FloatArray, centres: FloatArray) -> IntArray:
    """Return (k,) for each centre (k, D) the nearest of points (n, D) that no centre before it has; k <= n."""
    squares = squared_distances(centres, points)
    nearest = np.empty(len(centres), np.int64)
    for number, row in enumerate(squares):
        row[nearest[:number]] = np.inf
        nearest[number] = row.argmin()
    return nearest
