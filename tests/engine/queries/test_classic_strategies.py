"""The strategies through the engine: trained, prepared, queried by two annotators, labelled, replayed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.engine import BLOBS, WAVE, ToyProject, ids

from nextlabel.contracts.errors import NotReady
from nextlabel.engine.records import QueryAnswer
from nextlabel.store import checkpoints

Make = Callable[..., ToyProject]
STRATEGIES = (
    "k-means",
    "core-set",
    "dbal",
    "query-by-committee",
    "tiny-badge",
    "tiny-typiclust",
    "tiny-bald",
    "tiny-probcover",
)


SCALED = {**BLOBS, "features": {"plugin": "toy-scaled"}, "learner": {"plugin": "linear"}, "labels": {}}
"""Vectors as a backbone gives them, before any label."""


def query(project: ToyProject, size: int, annotator: str) -> QueryAnswer:
    """Query, and let the worker choose if the strategy runs there."""
    try:
        return project.project.queries.create(size, None, annotator)
    except NotReady:
        assert [job.state for job in project.work()] == ["succeeded"]
        return project.project.queries.create(size, None, annotator)


def replay(project: ToyProject, number: str) -> QueryAnswer:
    try:
        return project.project.queries.replay(number)
    except NotReady:
        assert [job.state for job in project.work()] == ["succeeded"]
        return project.project.queries.replay(number)


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_serves_two_annotators(make: Make, name: str) -> None:
    project = make(BLOBS, dataset={"size": 90}, strategy={"plugin": name}).import_dataset().train()
    first, second = query(project, 4, "ann"), query(project, 4, "bob")
    assert len({*ids(first), *ids(second)}) == 8
    project.answer(first, "ann")
    third = query(project, 4, "ann")
    assert not {*ids(third)} & {*ids(first), *ids(second)}
    project.train()
    fourth = query(project, 4, "cleo")
    assert fourth.checkpoint != third.checkpoint
    for number in (second.query, third.query, fourth.query):
        assert replay(project, number) == project.project.queries.get(number)


def test_the_core_set_of_two_annotators_covers_all_blobs(make: Make) -> None:
    """Each blob is queried once before any blob is queried twice, although two annotators query."""
    project = (
        make(
            BLOBS,
            dataset={"size": 90, "spread": 0.01},
            labels={"initial": 1},
            strategy={"plugin": "core-set"},
        )
        .import_dataset()
        .train()
    )
    labelled = {project.truth(item.id) for item in project.project.items.page("labelled").items}
    taken = [project.truth(ids(query(project, 1, annotator))[0]) for annotator in ("ann", "bob")]
    assert labelled | set(taken) == {"red", "green", "blue"}


def test_the_largest_deviation_is_queried_in_a_regression(make: Make) -> None:
    project = make(WAVE, learner={"plugin": "gp"}).import_dataset().train()
    answer = project.project.queries.create(5, None, "ann")
    scores = [item.score for item in answer.items]
    assert scores == sorted(scores, reverse=True)
    assert project.project.queries.replay(answer.query) == answer


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("core-set", {}), ("tiny-typiclust", {"batch": 3}), ("k-means", {}), ("tiny-probcover", {})],
)
def test_the_first_query_is_diverse_before_any_label(make: Make, name: str, parameters: dict[str, int]) -> None:
    project = make(SCALED, dataset={"size": 90, "spread": 0.1}, strategy={"plugin": name, **parameters})
    with pytest.raises(NotReady):
        project.project.queries.create(1)
    assert [job.kind for job in project.work()] == ["import", "score"]
    answer = query(project, 3, "ann")
    assert {project.truth(item) for item in ids(answer)} == {"red", "green", "blue"}
    assert answer.checkpoint is None
    assert replay(project, answer.query) == project.project.queries.get(answer.query)


@pytest.mark.parametrize("name", ["tiny-bald", "query-by-committee"])
def test_a_strategy_that_needs_samples_prepares_nothing_before_the_first_model(make: Make, name: str) -> None:
    project = make(SCALED, strategy={"plugin": name}, learner={"plugin": "toy-ridge"})
    with pytest.raises(NotReady):
        project.project.queries.create(1)
    project.work()
    answer = query(project, 3, "ann")
    assert [item.score for item in answer.items] == [0, 0, 0]
    assert replay(project, answer.query) == project.project.queries.get(answer.query)
    other = make(SCALED).import_dataset()
    with pytest.raises(NotReady):
        other.project.queries.create(1, name)
    assert [job.state for job in other.work()] == ["succeeded"]
    assert len(ids(other.project.queries.create(3, name))) == 3
    project.answer(answer, "ann")
    project.train()
    with project.services.database.read() as connection:
        scored = checkpoints.scoring(connection, project.name, "r1")
    assert scored is not None
    assert [len(arrays) for arrays in scored.prepared.values()] == [1]


def test_a_committee_of_different_learners_disagrees_between_the_blobs(make: Make) -> None:
    members = {"members": [{"plugin": "linear"}, {"plugin": "toy-ridge", "sharpness": 2.0}]}
    base = {key: value for key, value in BLOBS.items() if key != "learner"}
    project = (
        make(
            {**base, "learner": members},
            dataset={"size": 300, "spread": 1.0},
            labels={"initial": 9},
            strategy={"plugin": "query-by-committee"},
        )
        .import_dataset()
        .train()
    )
    scores = [item.score for item in project.project.queries.create(20).items]
    assert scores[0] == pytest.approx(0.693, abs=0.01)  # each of the two members votes for another class


def test_one_strategy_starts_and_two_together_go_on(make: Make) -> None:
    strategy = {
        "plugin": "margin",
        "keep": 5,
        "then": {"plugin": "core-set"},
        "until": [{"plugin": "tiny-typiclust", "labels": 10}],
    }
    project = make(dataset={"size": 90}, strategy=strategy).import_dataset().train()
    for _ in range(3):
        answer = query(project, 4, "ann")
        assert replay(project, answer.query) == answer
        project.answer(answer, "ann")
        project.train()
