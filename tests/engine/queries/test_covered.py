"""Covered items: annotators who work at the same time get items of different regions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support.engine import ToyProject, full, ids

from nextlabel.contracts import BoolArray
from nextlabel.engine.labels.covered import covered_items, needs_label
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.plugins.parameters import build
from nextlabel.engine.queries.selection import Askable, Selector
from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]
CLUMPS = {"size": 60, "spread": 0.0}
"""Twenty items at each of three points: their classes are red, green and blue."""


def state_of(project: ToyProject) -> PoolState:
    return project.services.state(project.services.row(project.name))


def trained(make: Make, **labels: float) -> ToyProject:
    """A project with labels at the red and green points; one at the blue point was retracted after the training."""
    project = make(dataset=CLUMPS, labels={"initial": 0, "holdout": 0.0, **labels}, strategy={"plugin": "toy-farthest"})
    project.import_dataset()
    project.project.labels.submit("zoe", [full("p0", "red"), full("p1", "green"), full("p2", "blue")])
    project.train().project.labels.submit("zoe", [("p2", Label(retract=True))])
    return project


def farthest(project: ToyProject, annotator: str, size: int = 1) -> list[tuple[str, float]]:
    query = project.project.queries.create(size, "toy-farthest", annotator)
    assert project.project.queries.replay(query.query) == query
    return [(item.id, item.score) for item in query.items]


def test_two_annotators_get_items_of_different_clumps(blobs: ToyProject) -> None:
    """Near duplicates of an item that another annotator labels now are no better than duplicates of a labelled one."""
    rng = np.random.default_rng(0)
    clump = np.arange(60) % 3
    embeddings = (np.eye(3)[clump] + rng.normal(0, 0.005, (60, 3))).astype(np.float32)
    record = blobs.services.registry.strategy("toy-farthest")
    selector = Selector(
        blobs.project.config, build(record, {}, "x"), frozenset(record.needs), {"embeddings": embeddings}
    )
    state = PoolState(blobs.services.row("toy"))
    state.holdout = np.zeros(60, np.bool_)
    state.labels.grow(60)
    everything = np.arange(60)

    def chosen(leased: tuple[int, ...], size: int) -> list[int]:
        askable = Askable(np.setdiff1d(everything, leased), everything[:0])
        return [
            choice.position
            for choice in selector.choose(state, askable, size=size, rows=60, seed=1, leased=leased)
            if choice.reason == "strategy"
        ]

    first = chosen((), 2)
    second = chosen(tuple(first), 1)
    assert {*clump[first], *clump[second]} == {0, 1, 2}
    assert chosen(tuple(first), 1) == second


def test_leased_items_are_covered(make: Make) -> None:
    clumps = trained(make)
    ((ann, apart),) = farthest(clumps, "ann")
    assert clumps.truth(ann) == "blue"
    assert apart > 0.1
    ((_, near),) = farthest(clumps, "bob")
    assert near == pytest.approx(0, abs=1e-6)
    for number in (1, 2):
        clumps.project.queries.release(f"toy-{number}")
    ((bob, again),) = farthest(clumps, "bob")
    assert (clumps.truth(bob), again) == ("blue", apart)


def test_scores_are_those_at_the_moment_of_the_pick(make: Make) -> None:
    """The second blue item lies where the first does, so it adds nothing once that one is chosen."""
    (first, second) = farthest(trained(make), "ann", 2)
    assert first[1] > 0.1
    assert second[1] == pytest.approx(0, abs=1e-6)


def test_an_item_with_a_partial_label_is_still_open(make: Make) -> None:
    """Its own label does not cover it, except for the annotator who cannot get it again."""
    project = trained(make)
    project.project.labels.submit("zoe", [full("p2", "red", "blue")])
    query = project.project.queries.create(58, "toy-farthest", "ann")
    assert "p2" in ids(query)
    assert {project.truth(item.id) for item in query.items if item.score > 0.1} == {"blue"}
    project.project.queries.release(query.query)
    for annotator, blue in (("ann", True), ("zoe", False)):
        ((_, score),) = farthest(project, annotator)
        assert (score > 0.1) == blue
        project.project.queries.release(f"toy-{project.services.row('toy').queries}")


def test_items_of_the_control_arm_are_covered(make: Make) -> None:
    project = trained(make, control=0.5)
    for _ in range(20):
        query = project.project.queries.create(2, "toy-farthest")
        control = [item for item in query.items if item.reason == "control"]
        best = [item for item in query.items if item.reason == "strategy"]
        if len(control) == len(best) == 1:
            blue = project.truth(control[0].id) == "blue"
            assert (best[0].score > 0.1) != blue
            break
    else:
        pytest.fail("no query had one item of each kind")


def test_covered_items_are_labelled_or_taken(make: Make) -> None:
    project = make(labels={"initial": 0, "answers": 2}).import_dataset()
    held = int(np.flatnonzero(state_of(project).holdout)[0])
    free = np.flatnonzero(~state_of(project).holdout)[:5].tolist()
    once, twice, partial, _, skipped = (f"p{position}" for position in free)
    for annotator in ("ann", "bob"):
        project.project.labels.submit(annotator, [full(twice, "red"), full(f"p{held}", "red")])
    project.project.labels.submit("ann", [full(once, "red"), full(partial, "red", "blue"), (skipped, Label(skip=True))])
    state = state_of(project)
    needed: BoolArray = needs_label(state, project.project.config, slice(60))
    assert [bool(needed[position]) for position in (*free, held)] == [True, False, True, True, True, False]
    once_each = make().project.config
    assert needs_label(state, once_each, np.array(free)).tolist() == [False, False, True, True, True]
    assert covered_items(state, needed, (), 60).tolist() == [free[1]]
    assert covered_items(state, np.array([free[0]]), [free[3], held], 60).tolist() == [free[1], free[2], free[3]]
    assert covered_items(state, np.empty(0, np.int64), [free[3]], free[2]).tolist() == free[:2]
