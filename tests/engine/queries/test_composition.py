"""Compositions: one strategy until there are enough labels, and one that chooses among what another keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from support.engine import ToyProject, full, ids

from nextlabel.contracts import NoParameters, Pool, Strategy
from nextlabel.contracts.errors import NotReady, PluginError
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.plugins.parameters import build
from nextlabel.engine.plugins.registry import Offer, Registry
from nextlabel.engine.queries.composition import FilteredSelector
from nextlabel.engine.queries.selection import Selector

Make = Callable[..., ToyProject]


def replays(project: ToyProject, query: str) -> bool:
    return project.project.queries.replay(query) == project.project.queries.get(query)


# ---------------------------------------------------------------------------------- until


def test_an_early_strategy_is_used_until_there_are_enough_labels(make: Make) -> None:
    until = [{"plugin": "toy-near", "labels": 8, "place": 9}, {"plugin": "toy-first", "labels": 7}]
    project = make(strategy={"plugin": "random", "until": until}).import_dataset()  # 6 labels at the start

    def next_query() -> str:
        query = project.project.queries.create(1, None, "ann")
        assert replays(project, query.query)
        project.answer(query, "ann")
        return query.strategy

    assert [next_query() for _ in range(3)] == ["toy-first", "toy-near", "random"]
    assert project.project.queries.create(1, "toy-near").parameters == {"place": 9}


def test_held_out_items_are_not_counted(make: Make) -> None:
    project = make(strategy={"plugin": "random", "until": [{"plugin": "toy-first", "labels": 7}]}).import_dataset()
    held_out = next(item.id for item in project.project.items.page(limit=60).items if item.holdout)
    project.project.labels.submit("ann", [full(held_out, "red")])
    assert project.project.queries.create(1).strategy == "toy-first"


# ---------------------------------------------------------------------------------- then


def test_one_strategy_keeps_and_another_chooses(make: Make) -> None:
    project = make(
        strategy={"plugin": "toy-near", "place": 20, "keep": 3, "then": {"plugin": "toy-first"}}, labels={"initial": 0}
    ).import_dataset()
    pool = sorted(ids(project.project.queries.create(100, "random")), key=lambda name: int(name[1:]))
    query = project.project.queries.create(2)
    # the nearest six of place 20 are 18 to 22 and, as ties are broken at random, 17 or 23
    first = query.items[0].id
    assert first in pool[17:19]
    place = pool.index(first)
    assert [item.id for item in query.items] == pool[place : place + 2]
    assert [item.score for item in query.items] == [0.0, -1.0]  # those of the second strategy
    assert query.strategy == "toy-near"
    assert query.parameters == {"place": 20, "then": {"plugin": "toy-first"}, "keep": 3}
    assert replays(project, query.query)


def test_ties_are_broken_at_random(make: Make) -> None:
    """The first strategy gives all items the same score, so a different part of the pool is kept each time."""
    project = make(strategy={"plugin": "toy-repeating", "keep": 2, "then": {"plugin": "toy-first"}}).import_dataset()
    assert len({ids(project.project.queries.create(1))[0] for _ in range(8)}) > 3


def test_a_pool_smaller_than_what_is_kept(make: Make) -> None:
    project = make(strategy={"plugin": "margin", "keep": 1000, "then": {"plugin": "toy-first"}}).import_dataset()
    first = ids(project.project.queries.create(100, "toy-first"))
    assert ids(project.project.queries.create(3)) == first[:3]
    assert ids(project.project.queries.create(100)) == first


def test_a_composition_is_replayed_after_the_project_file_changed(
    make: Make, another: Callable[[ToyProject], ToyProject]
) -> None:
    strategy = {"plugin": "margin", "keep": 4, "then": {"plugin": "toy-near", "place": 1}}
    project = make(strategy=strategy).import_dataset().train()
    query = project.project.queries.create(3)
    assert query.checkpoint == "r1"
    other = another(project)
    plain = other.project.config.strategy.model_copy(update={"plugin": "random", "then": None})
    object.__setattr__(other.project.config, "strategy", plain)
    assert other.project.queries.create(1).strategy == "random"
    assert other.project.queries.replay(query.query) == query


def test_the_margins_are_kept(make: Make) -> None:
    project = make(strategy={"plugin": "margin", "keep": 4, "then": {"plugin": "toy-first"}}).import_dataset().train()
    best = sorted(ids(project.project.queries.create(8, "margin")), key=lambda name: int(name[1:]))
    assert ids(project.project.queries.create(2)) == best[:2]


def test_a_training_computes_what_both_strategies_need(make: Make) -> None:
    then = {"plugin": "toy-embedded"}
    project = make(strategy={"plugin": "margin", "keep": 4, "then": then}).import_dataset()
    with pytest.raises(NotReady, match="and no model has been trained yet"):
        project.project.queries.create(2)
    project.train()
    query = project.project.queries.create(2)
    assert set(ids(query)) <= set(ids(project.project.queries.create(8, "margin")))
    assert replays(project, query.query)


@pytest.mark.slow
def test_what_the_second_strategy_prepared_is_used(make: Make) -> None:
    """`toy-prepared` chooses as `toy-farthest` does, and checks that the rows are those of its items."""
    answers = []
    for then in ("toy-prepared", "toy-farthest"):
        table = {"plugin": "margin", "keep": 4, "then": {"plugin": then}}
        project = make(strategy=table, labels={"initial": 3}).import_dataset().train()
        project.project.queries.create(2, None, "ann")
        query = project.project.queries.create(3, None, "bob")
        assert replays(project, query.query)
        answers.append([(item.id, item.score) for item in query.items])
    assert len(answers[0]) == 3
    assert answers[0] == answers[1]


def test_a_named_strategy_is_used_alone_with_the_parameters_of_the_table(make: Make) -> None:
    strategy = {"plugin": "margin", "then": {"plugin": "toy-near", "place": 5}, "also": ["toy-first"]}
    project = make(strategy=strategy).import_dataset()
    assert project.project.queries.create(2, "margin").parameters == {}
    assert project.project.queries.create(2, "toy-near").parameters == {"place": 5}
    assert project.project.queries.create(2, "toy-first").parameters == {}


class Given(Strategy[NoParameters]):
    """Breaks the contract."""

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return np.full(pool.size, np.nan)


def test_an_error_names_the_strategy_that_keeps(blobs: ToyProject, registry: Registry) -> None:
    config, state = blobs.project.config, PoolState(blobs.services.row("toy"))
    with blobs.services.database.read() as connection:
        state.catch_up(connection)
    second = build(registry.strategy("toy-first"), {}, "x")
    first = Selector(config, Given(NoParameters()), frozenset(), None)
    both = FilteredSelector(config, second, frozenset(), None, first=first, keep=2)
    with pytest.raises(PluginError, match=r"^Given\.score\(\) returned numbers that are not finite: 10 of 10"):
        both.select(state, np.arange(20, 30), 60, 2, np.random.default_rng(0))


class Failing(Strategy[NoParameters]):
    """Has a bug."""

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        raise IndexError("out of bounds")


@pytest.mark.parametrize(
    "own",
    [
        {"plugin": "toy-first"},
        {"plugin": "toy-first", "then": {"plugin": "random"}},
        {"plugin": "random", "then": {"plugin": "toy-first"}},
        {"plugin": "random", "until": [{"plugin": "toy-first", "labels": 9}]},
    ],
)
def test_an_error_in_a_strategys_code_names_it(
    make: Make, monkeypatch: pytest.MonkeyPatch, own: dict[str, object]
) -> None:
    project = make(strategy=own).import_dataset()
    registry = project.services.registry
    offer = registry.strategies["toy-first"]
    monkeypatch.setitem(registry.strategies, "toy-first", Offer(replace(offer.record, target=Failing), offer.source))
    with pytest.raises(PluginError, match=r"^strategy 'toy-first' failed: IndexError: out of bounds$") as failed:
        project.project.queries.create(2)
    assert isinstance(failed.value.__cause__, IndexError)
