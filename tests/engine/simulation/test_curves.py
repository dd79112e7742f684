"""Learning curves from simulated points."""

from __future__ import annotations

import pytest

from nextlabel.engine.simulation.curves import TESTED, Curve, crossing, curves, spread
from nextlabel.engine.simulation.simulate import Point

RUN = [(10, 0.5), (20, 0.8), (30, 0.9), (40, 0.98)]


@pytest.mark.parametrize(
    ("level", "labels"), [(0.4, 10), (0.5, 10), (0.65, 15), (0.8, 20), (0.94, 35), (0.98, 40), (0.99, None)]
)
def test_the_first_crossing_is_interpolated(level, labels):
    assert crossing(RUN, level) == (labels if labels is None else pytest.approx(labels))


def test_the_first_crossing_counts_even_if_the_curve_falls_again():
    assert crossing([(10, 0.5), (20, 0.9), (30, 0.7), (40, 0.95)], 0.8) == pytest.approx(17.5)


def test_labels_needed_only_if_every_run_reached_the_level():
    curve = Curve("margin", "accuracy", (RUN, [(10, 0.4), (30, 0.94)]))
    assert curve.needed(0.9).labels == pytest.approx((30 + 28.5185) / 2, abs=1e-3)
    assert curve.needed(0.9).reached == 2
    assert (curve.needed(0.95).labels, curve.needed(0.95).reached) == (None, 1)
    assert (curve.needed(0.99).labels, curve.needed(0.99).reached) == (None, 0)


def test_a_run_that_ended_at_its_goal_stays_in_the_mean():
    curve = Curve("margin", "accuracy", ([(10, 0.5), (20, 1.0)], [(10, 0.5), (20, 0.7), (30, 0.9)]))
    assert [(labels, mean) for labels, mean, _ in curve.band()] == [(10, 0.5), (20, 0.85), (30, pytest.approx(0.95))]


def test_runs_with_different_label_counts_are_interpolated():
    curve = Curve("margin", "accuracy", ([(10, 0.5), (30, 0.9)], [(20, 0.5), (30, 0.7)]))
    assert [(labels, pytest.approx(mean)) for labels, mean, _ in curve.band()] == [(10, 0.5), (20, 0.6), (30, 0.8)]


def test_spread():
    assert spread([0.5]) == (0.5, 0.0)
    assert spread([1.0, 3.0]) == (2.0, pytest.approx(2**0.5))


def test_points_are_grouped_by_strategy_and_seed():
    points = [
        Point(strategy, seed, number, 10 + number, {"accuracy": seed / 10, "rmse": 9.0})
        for strategy in ("b", "a")
        for seed in (1, 2)
        for number in (0, 1)
    ]
    grouped = curves(points)
    assert [(curve.strategy, curve.metric) for curve in grouped] == [("b", "accuracy"), ("a", "accuracy")]
    assert grouped[0].runs == ([(10, 0.1), (11, 0.1)], [(10, 0.2), (11, 0.2)])
    assert grouped[0].final() == (pytest.approx(0.15), pytest.approx(0.0707, abs=1e-4))


def test_regression_curves_use_the_error():
    (curve,) = curves([Point("s", 0, 0, 5, {"rmse": 0.4}), Point("s", 0, 1, 6, {"rmse": 0.3})])
    assert (curve.metric, curve.final()) == ("rmse", (0.3, 0.0))


def test_curves_show_the_test_split_only_without_a_hold_out():
    both = [Point("s", 0, 0, 5, {"accuracy": 0.5, "test_accuracy": 0.9})]
    (curve,) = curves(both)
    assert (curve.metric, curve.is_accuracy, curve.on_test_split) == ("accuracy", True, False)
    (tested,) = curves([Point("s", 0, 0, 5, {"test_accuracy": 0.9})])
    assert (tested.metric, tested.is_accuracy, tested.on_test_split) == ("test_accuracy", True, True)
    (error,) = curves([Point("s", 0, 0, 5, {"test_rmse": 0.9})])
    assert (error.metric, error.is_accuracy, error.on_test_split) == ("test_rmse", False, True)
    assert [curve.final() for curve in curves(both, TESTED)] == [(0.9, 0.0)]


def test_points_without_a_metric_have_no_curve():
    assert curves([Point("s", 0, 0, 5, {})]) == []


def test_curve_names_include_the_annotator_if_there_are_several():
    points = [Point("s", 0, 0, 5, {"accuracy": 0.5}, kind) for kind in ("exact", "sets")]
    assert [curve.name for curve in curves(points)] == ["s, exact", "s, sets"]
    assert [curve.name for curve in curves(points[:1])] == ["s"]
