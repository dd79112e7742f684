"""A strategy chooses outside any transaction. If others label or lease its items meanwhile, it chooses again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from support.engine import BLOBS, MODULES, ToyProject, candidates, full, ids
from support.toy_plugins import First

from nextlabel.contracts import Pool
from nextlabel.contracts.errors import NotReady
from nextlabel.engine.plugins.registry import Offer, Registry, load
from nextlabel.engine.project import Project
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.queries import service
from nextlabel.store import queries
from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


@dataclass
class Meanwhile:
    """What happens while `toy-first` chooses: one function each time that it runs."""

    calls: list[Callable[[], object]] = field(default_factory=list)
    runs: int = 0

    def registry(self) -> Registry:
        state = self

        class Slow(First):
            def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray[Any, Any]:
                state.runs += 1
                if state.calls:
                    state.calls.pop(0)()
                return super().score(pool, rng)

        registry = load(candidates(*MODULES))
        offer = registry.strategies["toy-first"]
        registry.strategies["toy-first"] = Offer(replace(offer.record, target=Slow), offer.source)
        return registry


@pytest.fixture
def meanwhile() -> Meanwhile:
    return Meanwhile()


@pytest.fixture
def project(make: Make, meanwhile: Meanwhile) -> ToyProject:
    return make(plugins=meanwhile.registry(), strategy={"plugin": "toy-first"}).import_dataset()


def replays(project: ToyProject, query: str) -> bool:
    return project.project.queries.replay(query) == project.project.queries.get(query)


def test_labels_are_stored_while_a_strategy_is_blocked(project: ToyProject, meanwhile: Meanwhile) -> None:
    """Labels of another project, and of the same one."""
    other_config = ProjectConfig.model_validate({**BLOBS, "name": "other"})
    configs: Any = project.services.projects.configs
    configs["other"] = other_config
    other = ToyProject(project.services, Project(project.services, other_config)).import_dataset()
    started, go_on = threading.Event(), threading.Event()
    meanwhile.calls = [lambda: (started.set(), go_on.wait())]
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(project.project.queries.create(1, None, "ann")))
    thread.start()
    try:
        started.wait()
        assert other.project.labels.submit("bob", [full("p1", "red")]) == 1
        assert ids(other.project.queries.create(2, "margin", "bob"))
        assert project.project.labels.submit("bob", [full("p20", "red")]) == 1
        assert project.project.items.get("p20").item.state == "labelled"
    finally:
        go_on.set()
        thread.join()
    (answer,) = answers
    assert len(ids(answer)) == 1
    assert replays(project, answer.query)


def test_a_label_of_another_item_does_not_repeat_the_choice(project: ToyProject, meanwhile: Meanwhile) -> None:
    *_, last = ids(project.project.queries.create(100))
    meanwhile.runs = 0
    meanwhile.calls = [lambda: project.project.labels.submit("bob", [full(last, "red")])]
    query = project.project.queries.create(3, None, "ann")
    assert meanwhile.runs == 1
    assert last not in ids(query)
    assert query.remaining == 42  # as it was when the strategy chose
    assert replays(project, query.query)


def expected(project: ToyProject) -> list[str]:
    """The items that `toy-first` chooses, in order."""
    return ids(project.project.queries.create(100))


def test_a_chosen_item_that_was_labelled_meanwhile_is_not_returned(project: ToyProject, meanwhile: Meanwhile) -> None:
    first, second, third, *_ = expected(project)
    meanwhile.runs = 0
    meanwhile.calls = [lambda: project.project.labels.submit("bob", [full(first, "red")])]
    query = project.project.queries.create(2, None, "ann")
    assert ids(query) == [second, third]
    assert meanwhile.runs == 2
    assert query.query == "toy-2"  # the choice was repeated with the same number
    assert project.project.queries.create(1).query == "toy-3"
    assert replays(project, query.query)


def test_a_chosen_item_that_was_leased_meanwhile_is_not_returned(project: ToyProject, meanwhile: Meanwhile) -> None:
    first, second, *_ = expected(project)
    meanwhile.calls = [lambda: project.project.queries.create(1, None, "bob")]
    query = project.project.queries.create(1, None, "ann")
    assert ids(query) == [second]
    assert ids(project.project.queries.create(1, None, "bob")) == [first]
    assert all(replays(project, f"toy-{number}") for number in range(1, 5))


@pytest.mark.parametrize(("annotator", "states"), [("ann", 1), (None, 2)])
def test_a_chosen_item_that_was_skipped_meanwhile(
    project: ToyProject, meanwhile: Meanwhile, annotator: str | None, states: int
) -> None:
    """Another annotator's skip matters only to a query without an annotator."""
    first, *_ = expected(project)
    meanwhile.runs = 0
    meanwhile.calls = [lambda: project.project.labels.submit("bob", [(first, Label(skip=True))])]
    query = project.project.queries.create(1, None, annotator)
    assert (meanwhile.runs, first in ids(query)) == (states, states == 1)


def test_with_two_answers_another_lease_does_not_repeat_the_choice(make: Make, meanwhile: Meanwhile) -> None:
    project = make(
        plugins=meanwhile.registry(), strategy={"plugin": "toy-first"}, labels={"answers": 2}
    ).import_dataset()
    first, *_ = expected(project)
    meanwhile.calls = [lambda: project.project.queries.create(1, None, "bob")]
    assert ids(project.project.queries.create(1, None, "ann")) == [first]


def test_an_annotator_with_two_clients_gets_the_same_items_in_both(project: ToyProject, meanwhile: Meanwhile) -> None:
    first, second, third, *_ = expected(project)
    meanwhile.calls = [lambda: project.project.queries.create(2, None, "ann")]
    assert ids(project.project.queries.create(3, None, "ann")) == [first, second, third]
    assert sorted(ids(project.project.queries.create(100, "margin", "ann"))[:3]) == sorted([first, second, third])


def test_a_leased_item_that_others_closed_meanwhile_is_not_returned(project: ToyProject, meanwhile: Meanwhile) -> None:
    held = ids(project.project.queries.create(2, None, "ann"))
    meanwhile.calls = [lambda: project.project.labels.submit("bob", [full(held[0], "red")])]
    assert held[0] not in ids(project.project.queries.create(3, None, "ann"))


def test_the_hold_out_is_not_exceeded(make: Make, meanwhile: Meanwhile) -> None:
    project = make(
        plugins=meanwhile.registry(),
        dataset={"known": False},
        strategy={"plugin": "toy-first"},
        labels={"initial": 0, "holdout": 0.5, "holdout_max": 2},
    ).import_dataset()

    def held_out(annotator: str) -> int:
        answer = project.project.queries.create(20, None, annotator)
        return sum(item.reason == "holdout" for item in answer.items)

    counts: list[int] = []
    meanwhile.calls = [lambda: counts.append(held_out("bob"))]
    counts.append(held_out("ann"))
    assert sum(counts) == 2


def test_after_too_many_attempts_the_query_is_refused(
    project: ToyProject, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_RETRY_FOR", 0.0)
    labels = [full(item, "red") for item in expected(project)[:3]]
    meanwhile.runs = 0
    meanwhile.calls = [lambda label=label: project.project.labels.submit("bob", [label]) for label in labels]
    with pytest.raises(NotReady, match="other annotators took or labelled the items"):
        project.project.queries.create(1, None, "ann")
    assert meanwhile.runs == 3
    assert meanwhile.calls == []
    assert ids(project.project.queries.create(1, None, "ann"))
    with project.services.database.read() as connection:
        assert queries.get(connection, "toy-2") is None
        assert len(queries.leases(connection, "toy", time.time())) == 1
