"""Metrics, and the verdict on a new checkpoint."""

from __future__ import annotations

import time
from math import comb, log, pi

import numpy as np
import pytest

from nextlabel.engine.training.evaluation import _so_few, judge, metrics

ALL = np.arange(10)


def sure(classes: list[int], count: int = 2) -> dict[str, np.ndarray]:
    """Scores that are nearly sure of these classes."""
    return {"probabilities": np.where(np.eye(count)[classes] > 0, 0.9, 0.1 / (count - 1)).astype(np.float32)}


def test_accuracy_and_loss() -> None:
    said = metrics(sure([0, 0, 1, 1]), np.array([0, 2, 3]), np.array([0, 1, 0]))
    assert said == pytest.approx({"accuracy": 2 / 3, "loss": -(2 * log(0.9) + log(0.1)) / 3, "holdout": 3.0}, abs=1e-6)


def test_a_class_without_any_probability_is_no_infinite_loss() -> None:
    said = metrics({"probabilities": np.array([[1.0, 0.0]])}, np.array([0]), np.array([1]))
    assert np.isfinite(said["loss"])


def test_rmse_and_loss() -> None:
    arrays = {"mean": np.array([1.0, 5.0]), "std": np.array([1.0, 2.0])}
    said = metrics(arrays, np.array([0, 1]), np.array([1.0, 3.0]))
    assert said == pytest.approx(
        {"rmse": 2**0.5, "loss": 0.5 * log(2 * pi) + (log(2) + 0.5) / 2, "holdout": 2.0}, abs=1e-6
    )


def test_nothing_to_measure_on() -> None:
    assert metrics(sure([0]), np.empty(0, np.int64), np.empty(0, np.int64)) == {}


def test_the_first_goes_live() -> None:
    assert judge(sure([0] * 10), None, ALL, np.zeros(10, np.int64)).promote


@pytest.mark.parametrize(
    ("lost", "promote"),
    [
        (0, True),
        (4, True),  # 1/16: chance
        (5, False),  # 1/32
        (10, False),
    ],
)
def test_it_waits_where_it_is_worse_beyond_chance(lost: int, promote: bool) -> None:
    truth = np.zeros(10, np.int64)
    verdict = judge(sure([1] * lost + [0] * (10 - lost)), sure([0] * 10), ALL, truth)
    assert verdict.promote == promote
    assert f"worse on {lost} of 10" in verdict.reason


def test_better_goes_live() -> None:
    assert judge(sure([0] * 10), sure([1] * 10), ALL, np.zeros(10, np.int64)).promote


@pytest.mark.parametrize("live", [{}, sure([0] * 4)])
def test_only_what_both_have_scored_counts(live: dict[str, np.ndarray]) -> None:
    verdict = judge(sure([0] * 10), live, np.arange(4, 10), np.zeros(6, np.int64))
    assert not verdict.promote
    assert "promote it by hand" in verdict.reason


def test_regression_counts_which_is_nearer() -> None:
    truth = np.zeros(10)
    near, far = {"mean": np.full(10, 0.1)}, {"mean": np.full(10, -2.0)}
    assert judge(near, far, ALL, truth).promote
    assert not judge(far, near, ALL, truth).promote
    assert judge(near, near, ALL, truth).promote


@pytest.mark.parametrize(("won", "decided"), [(0, 0), (0, 5), (3, 10), (40, 100), (50, 50)])
def test_the_tail_of_the_coin(won: int, decided: int) -> None:
    exact = sum(comb(decided, k) for k in range(won + 1)) / 2**decided
    assert _so_few(won, decided) == pytest.approx(exact, rel=1e-9)


def test_a_large_hold_out_is_judged_at_once() -> None:
    began = time.monotonic()
    assert _so_few(99_000, 200_000) < 1e-4
    assert time.monotonic() - began < 2
