"""Metrics on items whose label is known."""

from __future__ import annotations

from math import log, pi

import numpy as np
import pytest
from support.engine import confident

from nextlabel.engine.metrics import metrics


def test_accuracy_and_loss() -> None:
    measured = metrics(confident([0, 0, 1, 1]), np.array([0, 2, 3]), np.array([0, 1, 0]))
    expected = {"accuracy": 2 / 3, "loss": -(2 * log(0.9) + log(0.1)) / 3, "holdout": 3.0}
    assert measured == pytest.approx(expected, abs=1e-6)


def test_zero_probability_does_not_give_infinite_loss() -> None:
    measured = metrics({"probabilities": np.array([[1.0, 0.0]])}, np.array([0]), np.array([1]))
    assert np.isfinite(measured["loss"])


def test_rmse_and_loss() -> None:
    arrays = {"mean": np.array([1.0, 5.0]), "std": np.array([1.0, 2.0])}
    measured = metrics(arrays, np.array([0, 1]), np.array([1.0, 3.0]))
    assert measured == pytest.approx(
        {"rmse": 2**0.5, "loss": 0.5 * log(2 * pi) + (log(2) + 0.5) / 2, "holdout": 2.0}, abs=1e-6
    )


def test_no_items_give_no_metrics() -> None:
    assert metrics(confident([0]), np.empty(0, np.int64), np.empty(0, np.int64)) == {}
