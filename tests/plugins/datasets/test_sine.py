"""The data set `sine` draws the points and the noise by the seed."""

from __future__ import annotations

import numpy as np
import pytest

from nextlabel_plugins.datasets.sine import Sine, SineParameters


def test_points_of_the_grid_with_noise() -> None:
    contents = Sine(SineParameters()).read(None, 0)
    assert contents.task == "regression"
    assert len(set(contents.ids)) == 200
    x = np.linspace(0, 20, 10_000)[[int(identity) for identity in contents.ids]]
    np.testing.assert_allclose(contents.content.vectors[:, 0], x, rtol=1e-6)
    noise = contents.truth - np.sin(x)
    assert abs(noise.mean()) < 0.07
    assert 0.25 < noise.std() < 0.35
    assert x.min() < 1
    assert x.max() > 19


def test_the_test_split_is_the_sine_itself() -> None:
    test = Sine(SineParameters()).read(None, 0).test
    x = np.linspace(0, 20, 1000)
    np.testing.assert_allclose(test.content.vectors[:, 0], x, rtol=1e-6)
    np.testing.assert_array_equal(test.truth, np.sin(x))


def test_the_seed_draws() -> None:
    first, again, other = (Sine(SineParameters()).read(None, seed) for seed in (1, 1, 2))
    assert list(first.ids) == list(again.ids) != list(other.ids)
    np.testing.assert_array_equal(first.truth, again.truth)


@pytest.mark.parametrize("points", [1, 7, 10_000])
def test_parameters(points: int) -> None:
    contents = Sine(SineParameters(points=points, noise=0.0)).read(None, 0)
    assert len(contents.ids) == len(contents.truth) == len(contents.content) == points
    x = np.linspace(0, 20, 10_000)[[int(identity) for identity in contents.ids]]
    np.testing.assert_array_equal(contents.truth, np.sin(x))
