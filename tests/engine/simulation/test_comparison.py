"""The comparison of each strategy with random choice, paired by seed."""

from __future__ import annotations

import numpy as np
import pytest

from nextlabel.engine.simulation.comparison import Comparison, comparisons
from nextlabel.engine.simulation.curves import curves
from nextlabel.engine.simulation.simulate import Point


def runs(strategy, finals, metric="rmse", annotator="exact", labels=15):
    return [
        point
        for seed, value in enumerate(finals)
        for point in (
            Point(strategy, seed, 0, 5, {metric: 0.9}, annotator),
            Point(strategy, seed, 1, labels, {metric: float(value)}, annotator),
        )
    ]


def compared(points, seed=0):
    return comparisons(points, curves(points), seed)


def test_the_ratio_of_the_mean_errors():
    rng = np.random.default_rng(0)
    random = rng.uniform(0.3, 0.5, 40)
    own = 0.7 * random + rng.normal(0, 0.02, 40)
    (entry,) = compared([*runs("largest-std", own), *runs("random", random)])
    assert (entry.strategy, entry.metric, entry.measure, entry.seeds) == ("largest-std", "rmse", "ratio", 40)
    assert entry.value == pytest.approx(own.mean() / random.mean())
    # the standard error of a ratio of means by the delta method, for pairs
    error = (own - entry.value * random).std() / random.mean() / np.sqrt(40)
    assert entry.low == pytest.approx(entry.value - 1.96 * error, abs=0.2 * error)
    assert entry.high == pytest.approx(entry.value + 1.96 * error, abs=0.2 * error)
    assert not entry.ended_early


def test_pairs_of_seeds_are_drawn_together():
    """The seeds differ a lot, the strategies by exactly the same factor: the interval is a point."""
    random = np.linspace(0.1, 3, 20)
    (entry,) = compared([*runs("a", random / 2), *runs("random", random)])
    assert (entry.value, entry.low, entry.high) == pytest.approx((0.5, 0.5, 0.5))


def test_the_difference_of_accuracies_in_points():
    random = np.array([0.5, 0.6, 0.7])
    points = [*runs("random", random, "accuracy"), *runs("margin", random + 0.025, "accuracy")]
    (entry,) = compared(points)
    assert entry.measure == "difference"
    assert entry.value == pytest.approx(2.5)


@pytest.mark.parametrize(("seeds", "has_interval"), [(19, False), (20, True)])
def test_few_seeds_have_no_interval(seeds, has_interval):
    random = np.linspace(0.5, 0.7, seeds)
    (entry,) = compared([*runs("random", random, "accuracy"), *runs("margin", random + 0.025, "accuracy")])
    assert (entry.low, entry.high) == (pytest.approx((2.5, 2.5)) if has_interval else (None, None))


def test_each_annotator_is_compared_with_its_own_random_runs():
    points = [
        *runs("random", [0.5, 0.6], "accuracy", "forced"),
        *runs("random", [0.7, 0.8], "accuracy", "sets"),
        *runs("margin", [0.6, 0.7], "accuracy", "forced"),
        *runs("margin", [0.9, 1.0], "accuracy", "sets"),
    ]
    assert [(entry.annotator, round(entry.value, 6)) for entry in compared(points)] == [("forced", 10), ("sets", 20)]


def test_a_run_that_ended_early_counts_with_its_last_value():
    points = [*runs("margin", [0.2, 0.2], labels=9), *runs("random", [0.4, 0.4])]
    (entry,) = compared(points)
    assert entry.value == pytest.approx(0.5)
    assert entry.ended_early


def test_the_seed_draws_the_samples():
    rng = np.random.default_rng(1)
    points = [*runs("margin", rng.uniform(size=20)), *runs("random", rng.uniform(size=20))]
    assert compared(points) == compared(points)
    assert compared(points) != compared(points, seed=1)


@pytest.mark.parametrize(
    "points",
    [
        runs("margin", [0.2, 0.3]),
        runs("random", [0.2, 0.3]),
        [*runs("margin", [0.2]), *runs("random", [0.3])],
        [*runs("margin", [0.2, 0.3]), *runs("random", [0.3])],
        [*runs("margin", [0.2, 0.3]), *runs("random", [0.3, 0.0])],
    ],
    ids=["no random", "only random", "one seed", "one pair", "an error of 0"],
)
def test_nothing_to_compare(points):
    assert compared(points) == []


def test_the_document_names_what_is_compared():
    entry = Comparison("margin", "sets", "rmse", "ratio", 0.7, 0.6, 0.8, 5, ended_early=False)
    assert entry.document() == {
        "strategy": "margin", "against": "random", "annotator": "sets", "metric": "rmse", "measure": "ratio",
        "value": 0.7, "low": 0.6, "high": 0.8, "seeds": 5, "ended_early": False,
    }  # fmt: skip
