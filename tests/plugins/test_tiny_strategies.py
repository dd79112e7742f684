"""The classic strategies as tiny plugins: they pass the checks and read no more than they need."""

from __future__ import annotations

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


@pytest.mark.parametrize("name", ["badge", "bald", "clusters", "probcover"])
def test_hooks_import_nothing_heavy(name: str) -> None:
    check_light(f"tiny_plugins.{name}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "few_rows", "rows", "megabytes"),
    [
        ("tiny-badge", ["embeddings"], 100_000, 100),
        ("tiny-bald", [], 100_000, 100),
        ("tiny-typiclust", ["embeddings"], 3_000, 200),
        ("tiny-probcover", ["embeddings"], 2_000, 200),
    ],
)
def test_strategy(registry: Registry, name: str, few_rows: list[Any], rows: int, megabytes: int) -> None:
    record, approximate = registry.strategy(name), name in APPROXIMATE
    check_strategy(record, rows=rows, memory=megabytes << 20, few_rows=few_rows, approximate=approximate)


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


def test_information_by_hand() -> None:
    module = import_module("tiny_plugins.bald")
    samples = np.array([[[1, 0], [0.5, 0.5]], [[0, 1], [0.5, 0.5]]], np.float32)
    pool = Pool(2, {"samples": samples})
    information = module.Bald(NoParameters()).summarize(pool)["information"]
    np.testing.assert_allclose(information, [np.log(2), 0], atol=1e-6)
