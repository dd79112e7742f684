"""Selection is pure, renormalises probabilities, and uses an order that is stable while the pool grows."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from support.engine import ToyProject, full

from nextlabel.contracts import FloatArray, NoParameters, Pool, Selection, Strategy
from nextlabel.contracts.errors import NotReady, PluginError
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.plugins.parameters import build
from nextlabel.engine.pool_arrays import restrict_to_candidates
from nextlabel.engine.queries.selection import (
    Askable,
    Selector,
    askable_items,
    askable_mask,
    in_fixed_order,
)
from nextlabel.engine.scores import Arrays

Make = Callable[..., ToyProject]


def state_of(project: ToyProject) -> PoolState:
    state = PoolState(project.services.row(project.name))
    with project.services.database.read() as connection:
        state.catch_up(connection)
    return state


def askable(project: ToyProject, state: PoolState, rows: int = 60, excluded: Sequence[int] = ()) -> Askable:
    config = project.project.config
    return askable_items(state, config, askable_mask(state, config, None, rows), excluded)


def selector(project: ToyProject, strategy: str, scores: Arrays | None = None) -> Selector:
    record = project.services.registry.strategy(strategy)
    return Selector(project.project.config, build(record, {}, "x"), frozenset(record.needs), scores)


# ------------------------------------------------------------------------ renormalisation


def test_probabilities_are_renormalised_over_the_set() -> None:
    rows = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [0.2, 0.2, 0.6]], np.float32)
    sets = np.array([[1, 1, 1], [0, 1, 1], [0, 1, 1], [0, 0, 1]], np.bool_)
    restricted = restrict_to_candidates(rows, sets)
    np.testing.assert_allclose(restricted, [[0.5, 0.3, 0.2], [0, 0.6, 0.4], [0, 0.5, 0.5], [0, 0, 1]], atol=1e-6)
    assert restricted.dtype == np.float32
    np.testing.assert_array_equal(rows[1], np.float32([0.5, 0.3, 0.2]))  # the scores are unchanged


def test_without_sets_probabilities_are_unchanged() -> None:
    rows = np.array([[0.5, 0.5]])
    assert restrict_to_candidates(rows, None) is rows
    assert restrict_to_candidates(rows, np.ones((1, 2), np.bool_)) is rows


def test_each_sample_is_renormalised(blobs: ToyProject) -> None:
    blobs.project.labels.submit("ann", [full("p20", "red", "blue")])
    state = state_of(blobs)
    samples = np.full((2, 60, 3), 1 / 3, np.float32)
    view = selector(blobs, "toy-sampled", {"samples": samples}).view(state, np.array([20, 21]), 60)
    np.testing.assert_allclose(view.samples[:, 0], [[0.5, 0, 0.5]] * 2)
    np.testing.assert_allclose(view.samples[:, 1], 1 / 3)


@pytest.mark.slow
def test_samples_are_in_memory_once(blobs: ToyProject) -> None:
    blobs.project.labels.submit("ann", [full("p20", "red", "blue")])
    state = state_of(blobs)
    samples = np.random.default_rng(0).dirichlet(np.ones(3), (2000, 60)).astype(np.float32)
    sampled, every = selector(blobs, "toy-sampled", {"samples": samples}), np.arange(60)
    tracemalloc.start()
    try:
        restricted = sampled.view(state, every, 60).samples
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * restricted.nbytes
    assert restricted.dtype == np.float32
    sets = state.labels.candidates
    np.testing.assert_array_equal(restricted, np.stack([restrict_to_candidates(draw, sets) for draw in samples]))


def test_labelled_embeddings_exclude_the_hold_out(blobs: ToyProject) -> None:
    state = state_of(blobs)
    held = int(np.flatnonzero(state.holdout)[0])
    blobs.project.labels.submit("ann", [full(f"p{held}", "red"), full("p20", "red", "blue")])
    state = state_of(blobs)
    embeddings = np.arange(60, dtype=np.float32)[:, None]
    view = selector(blobs, "toy-embedded", {"embeddings": embeddings}).view(state, np.array([21, 22]), 60)
    np.testing.assert_array_equal(view.embeddings[:, 0], [21, 22])
    labelled = set(view.labelled_embeddings[:, 0].astype(int).tolist())
    assert labelled == set(np.flatnonzero(state.labelled & ~state.holdout).tolist())
    assert 20 in labelled
    assert held not in labelled


def test_items_that_a_view_leaves_out_are_not_covered_if_they_may_be_chosen_later(blobs: ToyProject) -> None:
    state = state_of(blobs)
    first, second = askable(blobs, state).pool[:2]
    blobs.project.labels.submit("ann", [full(f"p{first}", "red", "blue")])
    state = state_of(blobs)
    embeddings = np.arange(60, dtype=np.float32)[:, None]
    select = selector(blobs, "toy-embedded", {"embeddings": embeddings})
    view = select.view(state, np.array([first, second]), 60, part=np.array([1]))
    assert view.embeddings[:, 0] == [second]
    assert first not in view.covered_embeddings[:, 0]


def test_without_a_model_probabilities_follow_from_the_sets(blobs: ToyProject) -> None:
    blobs.project.labels.submit("ann", [full("p20", "red", "blue")])
    state = state_of(blobs)
    view = selector(blobs, "margin").view(state, np.array([20, 21]), 60)
    np.testing.assert_allclose(view.probabilities, [[0.5, 0, 0.5], [1 / 3] * 3], atol=1e-6)
    with pytest.raises(NotReady, match="needs samples"):
        selector(blobs, "toy-sampled").view(state, np.array([20]), 60)


# ---------------------------------------------------------------------------------- order


def test_the_fixed_order_is_stable_while_the_pool_grows() -> None:
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
    project = make(labels={"control": 0.3}).import_dataset()
    state = state_of(project)
    candidates = askable(project, state, excluded=[3, 4])
    first, second = (
        selector(project, strategy).choose(state, candidates, size=size, rows=60, seed=5) for _ in range(2)
    )
    assert first == second
    positions = [chosen.position for chosen in first]
    assert len(set(positions)) == len(positions) == min(size, len(candidates))
    assert not {3, 4} & set(positions)


# ------------------------------------------------------------------------------- scores


ITEMS = np.arange(42)
"""One number for each item of blobs that can be queried."""


class Given(Strategy[NoParameters]):
    """Returns fixed scores."""

    def __init__(self, scores: FloatArray) -> None:
        super().__init__(NoParameters())
        self.scores = scores

    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        return self.scores


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (
            np.where(ITEMS < 40, np.nan, 1.0),
            "returned numbers that are not finite: 40 of 42, the first nan at position 0",
        ),
        (
            np.where(ITEMS == 7, np.inf, 1.0),
            "returned numbers that are not finite: 1 of 42, the first inf at position 7",
        ),
        (np.zeros((42, 3)), r"returned shape \(42, 3\) for 42 items, not \(42,\)"),
        (np.zeros(41), r"returned shape \(41,\) for 42 items, not \(42,\)"),
        (np.float64(1), r"returned shape \(\) for 42 items, not \(42,\)"),
    ],
)  # fmt: skip
def test_invalid_scores_are_reported_precisely(blobs: ToyProject, scores: FloatArray, reason: str) -> None:
    state, broken = state_of(blobs), Selector(blobs.project.config, Given(scores), frozenset(), None)
    with pytest.raises(PluginError, match=rf"^Given\.score\(\) {reason}$"):
        broken.choose(state, askable(blobs, state), size=5, rows=60, seed=1)


class Picked(Given):
    """Chooses the first items, and reports the scores at the moment of the pick."""

    def choose(self, pool: Pool, scores: FloatArray, size: int, rng: np.random.Generator) -> Selection:
        return Selection(np.arange(size), self.picked)

    picked: FloatArray = np.array([2.5, 0.25, 0.125])


def test_scores_of_a_selection_are_reported(blobs: ToyProject) -> None:
    state = state_of(blobs)
    picked = Picked(np.ones(42))
    chosen = Selector(blobs.project.config, picked, frozenset(), None).choose(
        state, askable(blobs, state), size=3, rows=60, seed=1
    )
    assert [choice.score for choice in chosen] == [2.5, 0.25, 0.125]


@pytest.mark.parametrize("picked", [np.zeros(2), np.zeros((3, 1)), np.array([0.0, np.nan, 1.0])])
def test_wrong_scores_of_a_selection_are_reported(blobs: ToyProject, picked: FloatArray) -> None:
    state, strategy = state_of(blobs), Picked(np.ones(42))
    strategy.picked = picked
    with pytest.raises(PluginError, match=r"returned scores of shape .*, not 3 finite numbers"):
        Selector(blobs.project.config, strategy, frozenset(), None).choose(
            state, askable(blobs, state), size=3, rows=60, seed=1
        )


# ----------------------------------------------------------------------- askable items


def test_items_without_scores_are_not_chosen(blobs: ToyProject) -> None:
    state = state_of(blobs)
    config = blobs.project.config
    assert len(askable_mask(state, config, None, 20)) == 20
    assert len(askable_mask(state, config, None, 1000)) == 60
    candidates = askable(blobs, state, 20, [50, 59])
    chosen = selector(blobs, "random").choose(state, candidates, size=60, rows=20, seed=1)
    assert max(choice.position for choice in chosen) < 20


def test_an_item_is_askable_until_enough_annotators_agree(make: Make) -> None:
    project = make(labels={"answers": 2, "initial": 1}).import_dataset()
    config = project.project.config

    def askable_by() -> list[bool]:
        state = state_of(project)
        return [bool(askable_mask(state, config, name, 60)[20]) for name in (None, "ann", "bob", "cleo")]

    assert askable_by() == [True] * 4
    project.project.labels.submit("ann", [full("p20", "red")])
    assert askable_by() == [True, False, True, True]
    project.project.labels.submit("bob", [full("p20", "red")])
    assert askable_by() == [False] * 4
    project.project.labels.submit("bob", [full("p20", "blue")])  # they disagree, so it is open to a third annotator
    assert askable_by() == [True, False, False, True]
    state = state_of(project)
    known = np.flatnonzero(state.labelled & (state.labels.label_counts == 0))
    assert not askable_mask(state, config, "ann", 60)[known].any()
