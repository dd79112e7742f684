"""Pools gather arrays from disk only when a strategy reads them, and only the rows that it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.engine import ToyProject, full

from nextlabel.contracts import FloatArray, IntArray, Need, Pool
from nextlabel.contracts.errors import NotReady, PluginError
from nextlabel.engine import pool_arrays
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.pool_arrays import build_pool
from nextlabel.engine.prepared import PreparedArrays
from nextlabel.engine.scores import Arrays

Make = Callable[..., ToyProject]
POSITIONS = np.array([3, 20, 21, 40])
COVERED = np.array([5, 6, 50])
RNG = np.random.default_rng(0)
SCORES: Arrays = {
    "probabilities": RNG.dirichlet(np.ones(3), 60).astype(np.float32),
    "embeddings": RNG.normal(size=(60, 2)).astype(np.float16),
    "samples": RNG.dirichlet(np.ones(3), (4, 60)).astype(np.float32),
}


@pytest.fixture
def state(blobs: ToyProject) -> PoolState:
    """The state of 60 items; p20 is red or blue."""
    blobs.project.labels.submit("ann", [full("p20", "red", "blue")])
    return blobs.services.state(blobs.services.row("toy"))


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[int, ...], list[int]]]:
    """The shape of each array that rows are read from, and the rows."""
    reads: list[tuple[tuple[int, ...], list[int]]] = []
    take = pool_arrays._take

    def recording(array: FloatArray, rows: IntArray) -> FloatArray:
        reads.append((array.shape, rows.tolist()))
        return take(array, rows)

    monkeypatch.setattr(pool_arrays, "_take", recording)
    return reads


def pool(state: PoolState, *needs: Need, scores: Arrays = SCORES, **changes: Any) -> Pool:
    return build_pool(state, POSITIONS, needs, scores, lambda: COVERED, **changes)


def test_nothing_is_read_before_the_strategy_reads_it(
    state: PoolState, taken: list[tuple[tuple[int, ...], list[int]]]
) -> None:
    view = pool(state, "probabilities", "embeddings", "covered_embeddings")
    assert "embeddings" in view.arrays
    assert set(view.arrays) == {"probabilities", "embeddings", "covered_embeddings"}
    assert view.size == 4
    assert taken == []
    view.rows("embeddings", np.array([2, 0]))
    assert taken == [((60, 2), [21, 3])]
    for _ in range(2):
        assert len(view.embeddings) == 4
    view.rows("embeddings", np.array([1]))
    assert taken[1:] == [((60, 2), [3, 20, 21, 40])]


def test_rows_are_those_of_the_whole_array(state: PoolState) -> None:
    places = np.array([3, 1])
    for need in ("probabilities", "embeddings", "samples", "covered_embeddings", "std"):
        scores = {**SCORES, "std": np.arange(60, dtype=np.float32)}
        alone = pool(state, need, scores=scores).rows(need, places % 3 if need == "covered_embeddings" else places)
        view = pool(state, need, scores=scores)
        whole = view.arrays[need]
        rows = places % 3 if need == "covered_embeddings" else places
        expected = whole[:, rows] if need == "samples" else whole[rows]
        np.testing.assert_array_equal(alone, expected)
        np.testing.assert_array_equal(view.rows(need, rows), expected)
        assert alone.dtype == np.float32
        for array in (alone, whole):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0


def test_probabilities_and_samples_keep_to_the_candidates(state: PoolState) -> None:
    view = pool(state, "probabilities", "samples")
    for rows in (view.probabilities, view.samples[2], view.rows("samples", np.arange(4))[2]):
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)
        assert rows[1, 1] == 0
    np.testing.assert_array_equal(view.probabilities[2], SCORES["probabilities"][21])


def test_outputs_of_a_part_of_the_pool(state: PoolState) -> None:
    part = {name: array[:, 3:50] if name == "samples" else array[3:50] for name, array in SCORES.items()}
    for need in ("probabilities", "embeddings", "samples"):
        np.testing.assert_array_equal(
            pool(state, need, scores=part, first=3).arrays[need], pool(state, need).arrays[need]
        )


def test_labels_are_read_on_demand(state: PoolState) -> None:
    view = pool(state)
    assert view.candidates is not None
    assert view.candidates.tolist() == [[True] * 3, [True, False, True], [True] * 3, [True] * 3]
    labelled = np.flatnonzero(state.labelled & ~state.holdout)
    np.testing.assert_array_equal(view.labelled_candidates, state.labels.candidate_rows(labelled))
    assert len(labelled) == 7
    np.testing.assert_array_equal(view.positions, POSITIONS)


def test_prepared_rows_follow_the_items(state: PoolState) -> None:
    prepared = PreparedArrays({"number": np.arange(60), "pair": np.arange(120).reshape(60, 2)}, np.array([4, 6]))
    view = pool(state, "labelled_embeddings", prepared=prepared)
    assert set(view.prepared) == {"number", "pair"}
    np.testing.assert_array_equal(view.prepared["number"], POSITIONS)
    np.testing.assert_array_equal(view.covered_prepared["pair"][:, 0], 2 * COVERED)
    expected = SCORES["embeddings"][[5, 50]].astype(np.float32)
    np.testing.assert_array_equal(view.new_embeddings, expected)
    np.testing.assert_array_equal(view.covered_embeddings[[0, 2]], expected)
    with pytest.raises(PluginError, match="uses 'covered_embeddings' without declaring it"):
        _ = pool(state, "embeddings", prepared=prepared).new_embeddings
    for empty in (None, PreparedArrays({}, np.array([4, 6]))):
        without = pool(state, "covered_embeddings", prepared=empty)
        assert (dict(without.prepared), dict(without.covered_prepared)) == ({}, {})
        np.testing.assert_array_equal(without.new_embeddings, without.covered_embeddings)


def test_what_exists_before_the_first_model(state: PoolState) -> None:
    view = pool(state, "probabilities", "std", scores={})
    np.testing.assert_allclose(view.probabilities, [[1 / 3] * 3, [0.5, 0, 0.5], [1 / 3] * 3, [1 / 3] * 3])
    np.testing.assert_array_equal(view.rows("probabilities", np.array([1])), [[0.5, 0, 0.5]])
    np.testing.assert_array_equal(view.std, np.ones(4))
    for need in ("embeddings", "covered_embeddings", "samples"):
        with pytest.raises(NotReady, match=f"needs {need}, and no model"):
            pool(state, need, scores={})
    # a backbone's embeddings are there without a model
    assert pool(state, "embeddings", "probabilities", scores={"embeddings": SCORES["embeddings"]}).embeddings.any()
