"""Least confidence sampling, compared with hand calculations and a simple implementation."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nextlabel.contracts import NoParameters, Pool
from nextlabel_plugins.strategies.least_confidence import LeastConfidence


def scores(rows: object) -> np.ndarray:
    array = np.asarray(rows)
    return LeastConfidence(NoParameters()).score(Pool(len(array), {"probabilities": array}), np.random.default_rng(0))


def test_scores_by_hand() -> None:
    np.testing.assert_allclose(scores([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.0, 1.0, 0.0]]), [0.5, 0.2, 0.0])


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(0, 1, width=32)))
def test_scores_equal_those_of_a_loop(rows: np.ndarray) -> None:
    np.testing.assert_allclose(scores(rows), [1 - max(row) for row in rows.tolist()], atol=1e-7)
