"""k-means: as good as scikit-learn's, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from nextlabel_plugins.strategies import distances
from nextlabel_plugins.strategies.clustering import kmeans_centres, nearest_distinct, start_positions


def inertia(points: np.ndarray, centres: np.ndarray, weights: np.ndarray) -> float:
    squares = ((points[:, None] - centres) ** 2).sum(axis=2)
    return float(weights @ squares.min(axis=1))


def gaussian(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((400, 8))


def blobs(rng: np.random.Generator) -> np.ndarray:
    return (rng.standard_normal((25, 8)) * 5)[rng.integers(0, 25, 400)] + rng.standard_normal((400, 8))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [gaussian, blobs])
def test_the_inertia_is_that_of_scikit_learn(make, dtype, weighted):
    ours, theirs = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        points = make(rng).astype(dtype)
        weights = rng.uniform(size=400) ** 4 if weighted else np.ones(400)
        centres = kmeans_centres(points, 25, rng, weights)
        assert (centres.dtype, centres.shape) == (dtype, (25, 8))
        ours.append(inertia(points, centres, weights))
        model = KMeans(25, n_init=1, random_state=seed).fit(points, sample_weight=weights)
        theirs.append(inertia(points, model.cluster_centers_, weights))
    assert np.mean(ours) < 1.03 * np.mean(theirs)


def test_equal_weights_are_the_default_and_their_scale_does_not_matter():
    points = blobs(np.random.default_rng(0))
    plain = kmeans_centres(points, 5, np.random.default_rng(1))
    np.testing.assert_array_equal(kmeans_centres(points, 5, np.random.default_rng(1), np.ones(400)), plain)
    np.testing.assert_array_equal(kmeans_centres(points, 5, np.random.default_rng(1), np.full(400, 0.25)), plain)


def test_the_same_seed_gives_the_same_centres():
    points = gaussian(np.random.default_rng(0))
    first, again, other = (kmeans_centres(points, 9, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_one_centre_is_the_weighted_mean():
    points, weights = gaussian(np.random.default_rng(0)), np.random.default_rng(1).uniform(size=400)
    centres = kmeans_centres(points, 1, np.random.default_rng(0), weights)
    np.testing.assert_allclose(centres[0], np.average(points, axis=0, weights=weights), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("distinct", [1, 2, 7])
@pytest.mark.parametrize("offset", [0, 1000])
def test_copies_leave_some_centres_equal(dtype, distinct, offset):
    some = np.random.default_rng(0).standard_normal((distinct, 3)) + offset
    points = some[np.arange(30) % distinct].astype(dtype)
    centres = kmeans_centres(points, 10, np.random.default_rng(0))
    assert inertia(points, centres, np.ones(30)) == pytest.approx(0, abs=1e-6)


def test_as_many_centres_as_points_are_the_points():
    points = gaussian(np.random.default_rng(0))[:20]
    centres = kmeans_centres(points, 20, np.random.default_rng(0))
    np.testing.assert_allclose(np.sort(centres, axis=0), np.sort(points, axis=0), atol=1e-12)


def test_an_unused_centre_moves_to_the_farthest_point(monkeypatch):
    points = np.array([[0.0], [0.1], [0.2], [5.0], [9.0]])
    monkeypatch.setattr(
        "nextlabel_plugins.strategies.clustering.start_positions", lambda *_: np.array([0, 0, 0])
    )  # two centres without a point
    centres = kmeans_centres(points, 3, np.random.default_rng(0))
    np.testing.assert_allclose(np.sort(centres[:, 0]), [0.1, 5, 9])


def test_the_start_is_drawn_by_weight_and_squared_distance():
    points = np.array([[0.0], [1.0], [3.0]])
    drawn = np.zeros((3, 3))
    for seed in range(4000):
        first, second = start_positions(points, 2, np.random.default_rng(seed), np.array([1.0, 2.0, 1.0]))
        drawn[first, second] += 1
    np.testing.assert_allclose(drawn.sum(axis=1) / 4000, [0.25, 0.5, 0.25], atol=0.04)
    # of two points drawn with a probability of 2/11 and 9/11 each, the third one leaves the smaller loss
    assert drawn[0, 1] / drawn[0].sum() == pytest.approx((2 / 11) ** 2, abs=0.03)
    assert drawn.diagonal().sum() == 0


def test_single_precision_finds_the_nearest_far_from_zero():
    """As embeddings after a ReLU are: their mean is many times their deviation."""
    rng = np.random.default_rng(0)
    points = (3 + 0.05 * rng.standard_normal((2000, 512))).astype(np.float32)
    centres = points[:50] + np.float32(0.01) * rng.standard_normal((50, 512)).astype(np.float32)
    exact = ((points[:, None].astype(np.float64) - centres[None, ::5]) ** 2).sum(axis=2)
    numbers, squares = distances.nearest_centres(points, centres[::5])
    np.testing.assert_array_equal(numbers, exact.argmin(axis=1))
    np.testing.assert_allclose(squares, exact.min(axis=1), rtol=1e-4)
    np.testing.assert_allclose(distances.distances_to_nearest(points, centres[::5]) ** 2, exact.min(axis=1), rtol=1e-4)
    assert nearest_distinct(points, centres).tolist() == list(range(50))


def test_memory_does_not_grow_with_the_number_of_centres(monkeypatch):
    monkeypatch.setattr(distances, "CHUNK_NUMBERS", 64)
    shapes = []
    monkeypatch.setattr(
        distances,
        "squared_distances",
        lambda points, others: shapes.append((len(points), len(others))) or -(points @ others.T),
    )
    points = gaussian(np.random.default_rng(0))[:50]
    distances.nearest_centres(points, points[:20])
    assert {rows * columns for rows, columns in shapes} <= {60, 40}
    assert sum(rows for rows, _ in shapes) == 50
