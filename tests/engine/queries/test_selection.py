"""The choice itself: pure, renormalised, and in an order that outlives a growing pool."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from support.engine import ToyProject, full

from nextlabel.contracts import FloatArray, NoParameters, Pool, Strategy
from nextlabel.contracts.errors import NotReady, PluginError
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.plugins.parameters import build
from nextlabel.engine.queries.selection import Request, Selector, askable_items, in_fixed_order, wanted, within
from nextlabel.engine.scores import Arrays

Make = Callable[..., ToyProject]


def state_of(project: ToyProject) -> PoolState:
    state = PoolState(project.services.row(project.name))
    with project.services.database.read() as connection:
        state.catch_up(connection)
    return state


def chooser(project: ToyProject, strategy: str, scores: Arrays | None = None) -> Selector:
    record = project.services.registry.strategy(strategy)
    return Selector(project.project.config, build(record, {}, "x"), frozenset(record.needs), scores)


# ------------------------------------------------------------------------ renormalisation


def test_probabilities_are_renormalised_over_the_set() -> None:
    rows = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [0.2, 0.2, 0.6]], np.float32)
    sets = np.array([[1, 1, 1], [0, 1, 1], [0, 1, 1], [0, 0, 1]], np.bool_)
    said = within(rows, sets)
    np.testing.assert_allclose(said, [[0.5, 0.3, 0.2], [0, 0.6, 0.4], [0, 0.5, 0.5], [0, 0, 1]], atol=1e-6)
    assert said.dtype == np.float32
    np.testing.assert_array_equal(rows[1], np.float32([0.5, 0.3, 0.2]))  # the scores are left alone


def test_without_sets_they_are_left_as_they_are() -> None:
    rows = np.array([[0.5, 0.5]])
    assert within(rows, None) is rows
    assert within(rows, np.ones((1, 2), np.bool_)) is rows


def test_samples_are_renormalised_each(blobs: ToyProject) -> None:
    blobs.project.labels.submit("ann", [full("p20", "red", "blue")])
    state = state_of(blobs)
    samples = np.full((2, 60, 3), 1 / 3, np.float32)
    view = chooser(blobs, "toy-sampled", {"samples": samples}).view(state, np.array([20, 21]), 60)
    np.testing.assert_allclose(view.samples[:, 0], [[0.5, 0, 0.5]] * 2)
    np.testing.assert_allclose(view.samples[:, 1], 1 / 3)


def test_samples_are_held_once(blobs: ToyProject) -> None:
    blobs.project.labels.submit("ann", [full("p20", "red", "blue")])
    state = state_of(blobs)
    samples = np.random.default_rng(0).dirichlet(np.ones(3), (2000, 60)).astype(np.float32)
    asked, every = chooser(blobs, "toy-sampled", {"samples": samples}), np.arange(60)
    tracemalloc.start()
    try:
        said = asked.view(state, every, 60).samples
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 1.5 * said.nbytes
    assert said.dtype == np.float32
    sets = state.labels.candidates
    np.testing.assert_array_equal(said, np.stack([within(draw, sets) for draw in samples]))


def test_the_labelled_part_leaves_the_hold_out_out(blobs: ToyProject) -> None:
    state = state_of(blobs)
    held = int(np.flatnonzero(state.holdout)[0])
    blobs.project.labels.submit("ann", [full(f"p{held}", "red"), full("p20", "red", "blue")])
    state = state_of(blobs)
    embeddings = np.arange(60, dtype=np.float32)[:, None]
    view = chooser(blobs, "toy-embedded", {"embeddings": embeddings}).view(state, np.array([21, 22]), 60)
    np.testing.assert_array_equal(view.embeddings[:, 0], [21, 22])
    labelled = set(view.labelled_embeddings[:, 0].astype(int).tolist())
    assert labelled == set(np.flatnonzero(state.labelled & ~state.holdout).tolist())
    assert 20 in labelled
    assert held not in labelled


def test_before_any_model_only_what_follows_from_the_sets_is_there(blobs: ToyProject) -> None:
    blobs.project.labels.submit("ann", [full("p20", "red", "blue")])
    state = state_of(blobs)
    view = chooser(blobs, "margin").view(state, np.array([20, 21]), 60)
    np.testing.assert_allclose(view.probabilities, [[0.5, 0, 0.5], [1 / 3] * 3], atol=1e-6)
    with pytest.raises(NotReady, match="needs samples"):
        chooser(blobs, "toy-sampled").view(state, np.array([20]), 60)


# ---------------------------------------------------------------------------------- order


def test_the_fixed_order_outlives_a_growing_pool() -> None:
    small, large = np.arange(40), np.arange(1000)
    order = in_fixed_order(large, 3, "control")
    np.testing.assert_array_equal(order[order < 40], in_fixed_order(small, 3, "control"))
    np.testing.assert_array_equal(np.sort(order), large)
    some = np.array([7, 900, 31, 5])
    np.testing.assert_array_equal(in_fixed_order(some, 3, "control"), order[np.isin(order, some)])
    assert not np.array_equal(order, in_fixed_order(large, 4, "control"))
    assert not np.array_equal(order, in_fixed_order(large, 3, "holdout-order"))
    assert len(in_fixed_order(np.empty(0, np.int64), 3, "control")) == 0


@pytest.mark.parametrize("strategy", ["random", "margin", "toy-first"])
@pytest.mark.parametrize("size", [1, 7, 42, 100])
def test_the_same_inputs_give_the_same_choice(make: Make, strategy: str, size: int) -> None:
    project = make(labels={"control": 0.3}).bring()
    state = state_of(project)
    request = Request(size, None, 5, 60, [3, 4])
    one, other = (chooser(project, strategy).choose(state, request) for _ in range(2))
    assert one == other
    positions = [chosen.position for chosen in one]
    left = len(askable_items(state, project.project.config, request))
    assert len(set(positions)) == len(positions) == min(size, left)
    assert not {3, 4} & set(positions)


# ------------------------------------------------------------------------------- scores


PLACES = np.arange(42)
"""Of the items that blobs has to ask."""


class Given(Strategy[NoParameters]):
    """Scores that were made before."""

    def __init__(self, scores: FloatArray) -> None:
        super().__init__(NoParameters())
        self.scores = scores

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        return self.scores


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (np.where(PLACES < 40, np.nan, 1.0), "gave numbers that are not finite: 40 of 42, the first nan at position 0"),
        (np.where(PLACES == 7, np.inf, 1.0), "gave numbers that are not finite: 1 of 42, the first inf at position 7"),
        (np.zeros((42, 3)), r"gave shape \(42, 3\) for 42 items, not \(42,\)"),
        (np.zeros(41), r"gave shape \(41,\) for 42 items, not \(42,\)"),
        (np.float64(1), r"gave shape \(\) for 42 items, not \(42,\)"),
    ],
)  # fmt: skip
def test_senseless_scores_are_told_as_what_they_are(blobs: ToyProject, scores: FloatArray, reason: str) -> None:
    asked = Selector(blobs.project.config, Given(scores), frozenset(), None)
    with pytest.raises(PluginError, match=rf"^Given\.score\(\) {reason}$"):
        asked.choose(state_of(blobs), Request(5, None, 1, 60, []))


# ------------------------------------------------------------------------- who is asked


def test_rows_without_scores_are_out_of_the_choice(blobs: ToyProject) -> None:
    state = state_of(blobs)
    config = blobs.project.config
    assert len(wanted(state, config, None, 20)) == 20
    assert len(wanted(state, config, None, 1000)) == 60
    some = chooser(blobs, "random").choose(state, Request(60, None, 1, 20, [50, 59]))
    assert max(chosen.position for chosen in some) < 20


def test_an_item_is_wanted_until_so_many_agreed(make: Make) -> None:
    project = make(labels={"answers": 2, "initial": 1}).bring()
    config = project.project.config

    def askers() -> list[bool]:
        state = state_of(project)
        return [bool(wanted(state, config, name, 60)[20]) for name in (None, "ann", "bob", "cleo")]

    assert askers() == [True] * 4
    project.project.labels.submit("ann", [full("p20", "red")])
    assert askers() == [True, False, True, True]
    project.project.labels.submit("bob", [full("p20", "red")])
    assert askers() == [False] * 4
    project.project.labels.submit("bob", [full("p20", "blue")])  # they disagree: it is open, and a third may say
    assert askers() == [True, False, False, True]
    state = state_of(project)
    known = np.flatnonzero(state.labelled & (state.labels.answers == 0))
    assert not wanted(state, config, "ann", 60)[known].any()
