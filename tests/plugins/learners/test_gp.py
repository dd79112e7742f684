"""The learner `gp` predicts what scikit-learn's Gaussian process predicts, and copes with unusual labels."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from nextlabel.contracts import Model, Targets, Training, VectorItems
from nextlabel.contracts.errors import Unprocessable
from nextlabel_plugins.learners.gp import GP, GPParameters

RNG = np.random.default_rng(0)


def problem(size: int, dimensions: int, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(size)
    points = rng.uniform(0, 20, (size, dimensions)).astype(np.float32)
    return points, offset + np.sin(points.sum(axis=1)) + rng.normal(0, 0.3, size)


def fit(points: np.ndarray, values: np.ndarray, **parameters: Any) -> Model:
    training = Training(0)
    return GP(GPParameters(**parameters)).fit(VectorItems(points), Targets(values=values), training)


def predict(model: Model, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    outputs = model.predict(VectorItems(points), frozenset(), RNG)
    assert outputs.mean is not None
    assert outputs.std is not None
    return outputs.mean, outputs.std


def scikit_learn(points: np.ndarray, values: np.ndarray, new: np.ndarray, **options: Any) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, WhiteKernel

    process = GaussianProcessRegressor(RBF(1, (1e-2, 1e3)) + WhiteKernel(1, (1e-10, 10)), random_state=0, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return process.fit(points.astype(np.float64), values).predict(new.astype(np.float64), return_std=True)


@pytest.mark.parametrize(("size", "dimensions"), [(1, 1), (5, 1), (15, 1), (80, 1), (40, 3)])
@pytest.mark.parametrize("normalize", [False, True])
def test_predictions_are_those_of_scikit_learn(size: int, dimensions: int, normalize: bool) -> None:
    points, values = problem(size, dimensions, offset=5.0)
    new = np.concatenate([points, problem(1500, dimensions)[0]])  # more than are predicted at a time
    mean, std = predict(fit(points, values, normalize=normalize), new)
    expected = scikit_learn(points, values, new, normalize_y=normalize)
    np.testing.assert_allclose(mean, expected[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(std, expected[1], rtol=0, atol=1e-9)


def test_it_finds_the_noise_and_is_uncertain_far_away() -> None:
    points, values = problem(80, 1, offset=5.0)
    model = fit(points, values, normalize=True)
    description = model.description()
    assert 0.2 < np.sqrt(description["noise"]) * description["scale"] < 0.4
    inside = np.linspace(1, 19, 50, dtype=np.float32)[:, None]
    mean, std = predict(model, inside)
    assert np.abs(mean - 5 - np.sin(inside[:, 0])).mean() < 0.2
    far = predict(model, np.array([[200.0]], np.float32))
    assert far[0] == pytest.approx(values.mean())
    assert far[1][0] > 2 * std.mean()


def test_restarts_are_those_of_scikit_learn() -> None:
    points, values = problem(12, 1)
    new = problem(50, 1)[0]
    expected = scikit_learn(points, values, new, n_restarts_optimizer=4)
    np.testing.assert_allclose(predict(fit(points, values, restarts=4), new), expected, rtol=0, atol=1e-9)


def test_unlabelled_rows_are_left_out() -> None:
    points, values = problem(30, 1)
    some = np.where(np.arange(30) % 3 == 0, values, np.nan)
    left_out = fit(points[::3], values[::3])
    np.testing.assert_array_equal(predict(fit(points, some), points), predict(left_out, points))


def test_the_rebuilt_model_predicts_identically() -> None:
    points, values = problem(25, 2)
    model = fit(points, values, normalize=True)
    stored = load(save({name: np.ascontiguousarray(array) for name, array in model.tensors().items()}))
    rebuilt = GP(GPParameters()).rebuild(json.loads(json.dumps(model.description())), stored)
    assert rebuilt.input == model.input
    np.testing.assert_array_equal(predict(rebuilt, points), predict(model, points))


def test_predicting_does_not_import_scikit_learn() -> None:
    code = """
import sys
import numpy as np
from nextlabel.contracts import VectorItems
from nextlabel_plugins.learners.gp import GP, GPParameters
tensors = {"points": np.zeros((1, 1)), "weights": np.ones(1), "root": np.ones((1, 1))}
description = {"length_scale": 1.0, "noise": 0.1, "offset": 0.0, "scale": 1.0}
GP(GPParameters()).rebuild(description, tensors).predict(VectorItems(np.zeros((1, 1), np.float32)), frozenset(), None)
print([name for name in ("sklearn", "torch") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "values",
    [[0.0] * 6, [5.0] * 6, [0.0] * 5 + [1e6], [1.0, -1.0] * 3],
    ids=["zeros", "a constant", "an outlier", "contradictions"],
)
@pytest.mark.parametrize("points", [np.arange(6), np.zeros(6), np.arange(6) // 2], ids=["all", "one point", "pairs"])
@pytest.mark.parametrize("normalize", [False, True])
def test_unusual_labels(points: np.ndarray, values: list[float], normalize: bool) -> None:
    vectors = points.astype(np.float32)[:, None]
    mean, std = predict(fit(vectors, np.array(values), normalize=normalize), vectors)
    assert np.isfinite(mean).all()
    assert (std >= 0).all()
    if values == [5.0] * 6:
        assert (mean > 1).all()  # without `normalize`, the process expects 0
    if normalize and len(set(values)) == 1:
        np.testing.assert_allclose(mean, values)


def test_a_value_at_its_bound_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    points, values = problem(20, 1)
    fit(points, values, noise=1e-4, noise_max=1e-3, noise_min=1e-4)
    assert "gp: noise is at its bound noise_max = 0.001\n" in capsys.readouterr().out
    model = fit(points, values)
    assert capsys.readouterr().out == ""
    assert 0.01 < model.description()["noise"] < 0.3


def test_equal_bounds_hold_the_kernel(capsys: pytest.CaptureFixture[str]) -> None:
    points, values = problem(20, 1)
    held = {"length_scale": 2.0, "length_scale_min": 2.0, "length_scale_max": 2.0}
    description = fit(points, values, **held, noise=0.09, noise_min=0.09, noise_max=0.09).description()
    assert description["length_scale"] == pytest.approx(2.0)
    assert description["noise"] == pytest.approx(0.09)
    assert capsys.readouterr().out == ""


def test_many_copies_without_noise() -> None:
    points = np.zeros((400, 1), np.float32)
    model = fit(points, np.ones(400), noise=1e-300, noise_min=1e-300, noise_max=1e-300)
    np.testing.assert_allclose(predict(model, points)[0], 1, atol=1e-4)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"length_scale": 1e-3}, "length_scale = 0.001 is not from length_scale_min = 0.01 to length_scale_max = 1000"),
        ({"noise": 20.0}, "noise = 20 is not from noise_min = 1e-10 to noise_max = 10"),
        ({"noise_min": 2.0, "noise_max": 0.5}, "noise = 1 is not from noise_min = 2 to noise_max = 0.5"),
    ],
)
def test_a_start_outside_the_bounds(parameters: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GPParameters(**parameters)


def test_what_it_refuses() -> None:
    points, values = problem(4, 1)
    learner, items = GP(GPParameters()), VectorItems(points)
    with pytest.raises(Unprocessable, match="learns values of vectors, nothing else"):
        learner.fit(items, Targets(candidates=np.eye(4, dtype=np.bool_)), Training(0))
    with pytest.raises(Unprocessable, match="no label to learn from"):
        learner.fit(items, Targets(values=np.full(4, np.nan)), Training(0))
    with pytest.raises(Unprocessable, match=r"`gp` does not use .* a table \[features\]"):
        learner.fit(items, Targets(values=values), Training(0, features=lambda: points))
    with pytest.raises(Unprocessable, match="predicts vectors only"):
        fit(points, values).predict(object(), frozenset(), RNG)  # type: ignore[arg-type]


def test_the_fit_reports_progress_and_can_be_interrupted() -> None:
    points, values = problem(15, 1)
    shares: list[float] = []

    def stop(share: float, _: Any) -> None:
        shares.append(share)
        if len(shares) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GP(GPParameters()).fit(VectorItems(points), Targets(values=values), Training(0, progress=stop))
    assert shares == sorted(shares)
