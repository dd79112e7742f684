"""Entropy sampling, compared with hand calculations and a simple implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nextlabel.contracts import NoParameters, Pool
from nextlabel_plugins.strategies.entropy import Entropy


def scores(rows: object) -> np.ndarray:
    array = np.asarray(rows)
    return Entropy(NoParameters()).score(Pool(len(array), {"probabilities": array}), np.random.default_rng(0))


def test_scores_by_hand() -> None:
    rows = [[0.5, 0.5, 0.0], [0.25, 0.25, 0.5], [0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(scores(rows), [math.log(2), 1.5 * math.log(2), 0.0, math.log(3)], atol=1e-12)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_zero_probabilities_add_no_entropy(kind: type) -> None:
    assert scores(np.eye(3, dtype=kind)).tolist() == [0.0, 0.0, 0.0]


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(0, 1, width=32)))
def test_scores_equal_those_of_a_loop(rows: np.ndarray) -> None:
    expected = [-sum(p * math.log(p) for p in row if p > 0) for row in rows.tolist()]
    np.testing.assert_allclose(scores(rows), expected, rtol=1e-5, atol=1e-5)
