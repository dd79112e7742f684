"""k-means in plain loops, to compare with."""

from __future__ import annotations

import numpy as np

from nextlabel_plugins.strategies.clustering import start_positions


def naive_centres(points: np.ndarray, count: int, rng: np.random.Generator, weights: np.ndarray) -> np.ndarray:
    """Return the centres (count, D) that Lloyd's iterations reach from the start that `rng` draws."""
    centres = points[start_positions(points, count, rng, weights)]
    while True:
        clusters = naive_clusters(points, centres)
        moved = np.array(
            [np.average(points[clusters == j], axis=0, weights=weights[clusters == j]) for j in range(count)]
        )
        done = ((moved - centres) ** 2).sum() <= 1e-4 * points.var(axis=0).mean()
        centres = moved
        if done:
            return centres


def naive_clusters(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the number of the centre nearest to each point."""
    return np.array([np.argmin([np.linalg.norm(point - centre) for centre in centres]) for point in points])
