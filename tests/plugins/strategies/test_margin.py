"""Margin sampling, compared with hand calculations and a simple implementation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nextlabel.contracts import NoParameters, Pool
from nextlabel_plugins.strategies.margin import Margin

probabilities = arrays(
    st.sampled_from([np.float32, np.float64, np.float16]),
    array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.floats(0, 1, width=16),
)


def scores(rows: object) -> np.ndarray:
    array = np.asarray(rows)
    return Margin(NoParameters()).score(Pool(len(array), {"probabilities": array}), np.random.default_rng(0))


def test_scores_by_hand() -> None:
    rows = [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.4, 0.4, 0.2], [0.0, 1.0, 0.0]]
    np.testing.assert_allclose(scores(rows), [0.8, 0.3, 1.0, 0.0])


def test_items_with_the_smallest_gap_are_selected_first() -> None:
    rows = np.array([[0.9, 0.1, 0.0], [0.5, 0.45, 0.05], [0.6, 0.3, 0.1]])
    chosen = Margin(NoParameters()).select(Pool(3, {"probabilities": rows}), 2, np.random.default_rng(0))
    assert chosen.positions.tolist() == [1, 2]
    np.testing.assert_allclose(chosen.scores, [0.95, 0.7])


def test_with_one_class_all_items_are_certain() -> None:
    assert scores([[1.0], [1.0]]).tolist() == [0.0, 0.0]


@given(probabilities)
def test_scores_equal_those_of_a_sort(rows: np.ndarray) -> None:
    original = rows.copy()
    expected = [0.0 if len(row) == 1 else 1 - np.diff(sorted(row))[-1] for row in rows.astype(np.float64)]
    np.testing.assert_allclose(scores(rows), expected, atol=1e-12)
    np.testing.assert_array_equal(rows, original)


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_pools_larger_than_a_chunk(classes: int) -> None:
    rows = np.random.default_rng(0).random((300_000 // classes, classes), np.float32)
    best = np.sort(rows, axis=1).astype(np.float64)
    np.testing.assert_array_equal(scores(rows), 1 - (best[:, -1] - best[:, -2]))
