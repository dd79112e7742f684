"""k-means, compared with plain loops and with clusters that are plain to see."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from support.naive_k_means import naive_centres, naive_clusters

from nextlabel.contracts import NoParameters, Pool, Selection
from nextlabel_plugins.strategies import k_means
from nextlabel_plugins.strategies.k_means import KMeans


def choose(points: np.ndarray, size: int, seed: int = 0) -> Selection:
    return KMeans(NoParameters()).select(Pool(len(points), {"embeddings": points}), size, np.random.default_rng(seed))


def blobs(rng: np.random.Generator, each: int) -> np.ndarray:
    """Return `each` points around each of three corners."""
    return np.repeat(np.eye(3) * 10, each, axis=0) + 0.1 * rng.standard_normal((3 * each, 3))


@pytest.mark.parametrize("seed", range(20))
def test_it_chooses_what_plain_loops_choose(seed: int) -> None:
    points = np.random.default_rng([1, seed]).standard_normal((60, 4))
    chosen = choose(points, 5, seed)
    centres = naive_centres(points, 5, np.random.default_rng(seed), np.ones(60))
    clusters = naive_clusters(points, centres)
    nearest = {}
    for number, centre in enumerate(centres):
        distances = {i: round(np.linalg.norm(points[i] - centre), 9) for i in range(60) if clusters[i] == number}
        # both of two points are equally near to their mean
        best = min(distances, key=lambda i: (distances[i], i not in chosen.positions))
        nearest[best] = -distances[best]
    expected = sorted(nearest, key=nearest.__getitem__, reverse=True)
    assert chosen.positions.tolist() == expected
    np.testing.assert_allclose(chosen.scores, [nearest[i] for i in expected], atol=1e-8)


def test_each_blob_gives_one_item() -> None:
    chosen = choose(blobs(np.random.default_rng(0), 20), 3).positions
    assert set(chosen // 20) == {0, 1, 2}


def test_a_larger_pool_is_clustered_by_some_of_its_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(k_means, "CLUSTERED", 30)
    points = blobs(np.random.default_rng(0), 200)
    chosen = choose(points, 3)
    assert set(chosen.positions // 200) == {0, 1, 2}
    assert (chosen.scores > -0.1).all()  # nearest among all items of the blob; those drawn have 0.05 to 0.3


@pytest.mark.parametrize(("distinct", "size"), [(1, 4), (3, 7), (3, 12)])
def test_copies_of_items_are_chosen_when_nothing_else_is_left(distinct: int, size: int) -> None:
    points = np.random.default_rng(0).standard_normal((distinct, 3))[np.arange(12) % distinct]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chosen = choose(points, size).positions
    assert len(set(chosen)) == size
    assert len({tuple(points[i]) for i in chosen}) == distinct


def test_other_seeds_may_choose_other_items() -> None:
    points = np.random.default_rng(0).standard_normal((200, 4))
    assert len({frozenset(choose(points, 5, seed).positions) for seed in range(5)}) > 1
