"""The classic strategies as tiny plugins: they pass the checks and read no more than they need."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from nextlabel.contracts import NoParameters, Pool
from nextlabel.engine.plugins.registry import Registry
from nextlabel.testing import check_light, check_strategy

APPROXIMATE = {"tiny-typiclust", "tiny-probcover"}
"""Strategies whose clusters or neighbours are those of the whole pool, when they were prepared."""


@pytest.mark.parametrize("name", ["core_set", "badge", "bald", "dbal", "clusters", "probcover"])
def test_hooks_import_nothing_heavy(name: str) -> None:
    check_light(f"tiny_plugins.{name}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "few_rows", "rows", "megabytes"),
    [
        ("tiny-core-set", ["embeddings"], 100_000, 100),
        ("tiny-badge", ["embeddings"], 100_000, 100),
        ("tiny-dbal", ["embeddings"], 100_000, 100),
        ("tiny-bald", [], 100_000, 100),
        ("tiny-query-by-committee", [], 100_000, 100),
        ("tiny-largest-std", [], 100_000, 100),
        ("tiny-typiclust", ["embeddings"], 3_000, 200),
        ("tiny-k-means", [], 3_000, 200),
        ("tiny-probcover", ["embeddings"], 2_000, 200),
    ],
)
def test_strategy(registry: Registry, name: str, few_rows: list[Any], rows: int, megabytes: int) -> None:
    record, approximate = registry.strategy(name), name in APPROXIMATE
    check_strategy(record, rows=rows, memory=megabytes << 20, few_rows=few_rows, approximate=approximate)


def gaussian(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((20_000, 32), np.float32)


def clustered(rng: np.random.Generator) -> np.ndarray:
    centres = rng.standard_normal((100, 32)) * 3
    return (centres[rng.integers(0, 100, 20_000)] + 0.3 * rng.standard_normal((20_000, 32))).astype(np.float32)


@pytest.mark.parametrize("points", [gaussian, clustered])
def test_core_set_picks_what_the_plain_loop_picks(points: Callable[[np.random.Generator], np.ndarray]) -> None:
    vectors = points(np.random.default_rng(0))
    pool, covered, new = vectors[30:], vectors[:20], vectors[:30]
    strategy = import_module("tiny_plugins.core_set").CoreSet(NoParameters())
    before = Pool(len(pool), {"embeddings": pool, "covered_embeddings": covered})
    prepared = strategy.prepare(before, np.random.default_rng(0))
    now = Pool(
        len(pool),
        {"embeddings": pool, "covered_embeddings": new},
        prepared=prepared,
        new_embeddings=lambda: new[20:],
    )
    selection = strategy.select(now, 60, np.random.default_rng(1))
    exact = pool.astype(np.float64)
    distances = np.stack([np.linalg.norm(exact - point, axis=1) for point in new]).min(axis=0)
    for position, score in zip(selection.positions, selection.scores, strict=True):
        assert position == distances.argmax()
        assert score == pytest.approx(distances[position], rel=1e-4)
        distances = np.minimum(distances, np.linalg.norm(exact - exact[position], axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("patience", [20, 0])
def test_badge_draws_as_plain_k_means_does(monkeypatch: pytest.MonkeyPatch, patience: int) -> None:
    badge = import_module("tiny_plugins.badge")
    monkeypatch.setattr(badge, "PATIENCE", patience)
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 8)
    embeddings = rng.normal(size=(8, 2))
    gradients = (probabilities - np.eye(3)[probabilities.argmax(axis=1)])[:, :, None] * embeddings[:, None]
    squares = ((gradients[:, None] - gradients) ** 2).sum(axis=(2, 3))
    first = int((gradients**2).sum(axis=(1, 2)).argmax())
    expected = np.zeros((8, 8))  # of the second and the third pick
    for second, chance in enumerate(squares[first] / squares[first].sum()):
        nearest = squares[[first, second]].min(axis=0)
        expected[second] = chance * nearest / nearest.sum()
    strategy = badge.Badge(NoParameters())
    pool = Pool(8, {"probabilities": probabilities, "embeddings": embeddings})
    draws = 4_000
    counts = np.zeros((8, 8))
    for seed in range(draws):
        picks = strategy.select(pool, 3, np.random.default_rng(seed)).positions
        assert picks[0] == first
        counts[picks[1], picks[2]] += 1
    possible = expected > 0
    assert counts[~possible].sum() == 0
    assert chisquare(counts[possible], draws * expected[possible]).pvalue > 0.01


def test_typiclust_takes_clusters_without_covered_items_first() -> None:
    module = import_module("tiny_plugins.clusters")
    rng = np.random.default_rng(0)
    points = (np.repeat(np.eye(4) * 10, 20, axis=0) + 0.1 * rng.standard_normal((80, 4))).astype(np.float32)
    strategy = module.TypiClust(module.TypiClustParameters(batch=2))
    covered = np.array([0, 20])
    arrays = {"embeddings": points, "covered_embeddings": points[covered]}
    prepared = strategy.prepare(Pool(80, arrays), rng)
    rest = np.setdiff1d(np.arange(80), covered)
    pool = Pool(
        78,
        {**arrays, "embeddings": points[rest]},
        prepared={name: array[rest] for name, array in prepared.items()},
        covered_prepared={name: array[covered] for name, array in prepared.items()},
    )
    assert set(rest[strategy.select(pool, 2, rng).positions] // 20) == {2, 3}
    middle = np.linalg.norm(
        points - np.repeat([points[i : i + 20].mean(axis=0) for i in range(0, 80, 20)], 20, 0), axis=1
    )
    chosen = rest[strategy.select(pool, 2, rng).positions]
    assert (middle[chosen] < np.median(middle)).all()


def test_k_means_avoids_covered_items() -> None:
    module = import_module("tiny_plugins.clusters")
    rng = np.random.default_rng(0)
    points = (np.repeat(np.eye(3) * 10, 20, axis=0) + 0.1 * rng.standard_normal((60, 3))).astype(np.float32)
    pool = Pool(60, {"embeddings": points, "covered_embeddings": points[:1]})
    selection = module.KMeans(NoParameters()).select(pool, 2, rng)
    assert set(selection.positions // 20) == {1, 2}


def test_probcover_covers_the_largest_groups_first() -> None:
    module = import_module("tiny_plugins.probcover")
    groups = np.repeat([0.0, 10.0, 20.0, 30.0], [3, 9, 6, 1])
    points = np.stack([groups, np.zeros(19)], axis=1).astype(np.float32)
    strategy = module.ProbCover(module.ProbCoverParameters(delta=1.0))
    covered = np.array([3])  # in the largest group
    arrays = {"embeddings": points, "covered_embeddings": points[covered]}
    prepared = strategy.prepare(Pool(19, arrays), np.random.default_rng(0))
    rest = np.setdiff1d(np.arange(19), covered)
    pool = Pool(
        18,
        {**arrays, "embeddings": points[rest]},
        positions=rest,
        prepared={name: array[rest] for name, array in prepared.items()},
        covered_prepared={name: array[covered] for name, array in prepared.items()},
    )
    selection = strategy.select(pool, 4, np.random.default_rng(0))
    assert groups[rest[selection.positions]].tolist()[:3] == [20.0, 0.0, 30.0]
    assert selection.scores.tolist() == [6.0, 3.0, 1.0, 0.0]


def test_dbal_spreads_its_choice_over_the_uncertain_items() -> None:
    module = import_module("tiny_plugins.dbal")
    probabilities = np.tile([0.99, 0.01], (40, 1))
    probabilities[:20] = [0.6, 0.4]  # the uncertain ones, in two groups
    points = np.zeros((40, 2), np.float32)
    points[10:20] = 5
    pool = Pool(40, {"probabilities": probabilities, "embeddings": points})
    chosen = module.Dbal(module.DbalParameters()).select(pool, 2, np.random.default_rng(0)).positions
    assert set(chosen // 10) == {0, 1}


def test_disagreement_by_hand() -> None:
    module = import_module("tiny_plugins.bald")
    samples = np.array([[[1, 0], [0.5, 0.5]], [[0, 1], [0.5, 0.5]]], np.float32)
    pool = Pool(2, {"samples": samples})
    information = module.Bald(NoParameters()).summarize(pool)["information"]
    np.testing.assert_allclose(information, [np.log(2), 0], atol=1e-6)
    disagreement = module.Committee(NoParameters()).summarize(pool)["disagreement"]
    np.testing.assert_allclose(disagreement, [np.log(2), 0], atol=1e-6)
