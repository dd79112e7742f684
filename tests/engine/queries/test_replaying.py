"""Replays: the same answer from the record, or Gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from engine_help import SQUARES, Project, full, ids

from nextlabel.contracts.errors import Gone
from nextlabel.engine.answers import QueryAnswer

Make = Callable[..., Project]
UNKNOWN = {"size": 60, "known": False}
"""A data set that knows no label."""


def chosen(answer: QueryAnswer) -> list[tuple[str, float, str]]:
    return [(item.id, item.score, item.reason) for item in answer.items]


@pytest.mark.parametrize("strategy", ["random", "margin", "entropy"])
def test_a_query_is_replayed_to_the_same_answer_later(make: Make, strategy: str) -> None:
    project = make(
        dataset=UNKNOWN, labels={"initial": 0, "holdout": 0.3, "control": 0.3}, strategy={"plugin": strategy}
    ).bring()
    cold = project.loop.query(5, None, "ann")
    project.loop.submit("ann", [full(item, "red" if place % 2 else "blue") for place, item in enumerate(ids(cold))])
    project.train()
    bob = project.loop.query(4, None, "bob")
    warm = project.loop.query(5, None, "ann")
    project.loop.submit("ann", [full(item, "green") for item in ids(warm)])
    project.loop.submit("bob", [full(item, "green") for item in ids(bob)])
    project.train()
    project.loop.query(7, None, "cleo")
    for query in (cold, bob, warm):
        again = project.loop.replay(query.query)
        assert again == project.loop.stored_query(query.query)
        assert chosen(again) == chosen(query)
        assert again == query


def test_leases_that_came_back_are_no_part_of_a_replay(blobs: Project) -> None:
    first = blobs.loop.query(2, None, "ann")
    second = blobs.loop.query(5, None, "ann")
    assert chosen(blobs.loop.replay(second.query)) == [c for c in chosen(second) if c[0] not in ids(first)]


def test_once_the_scores_are_dropped_a_query_is_gone(make: Make) -> None:
    project = make(settings={"keep_scores": 1}).bring()
    cold = project.loop.query(3)
    project.train()
    warm = project.loop.query(3)
    project.train()
    with pytest.raises(Gone, match="no longer kept"):
        project.loop.replay(warm.query)
    stored = project.loop.stored_query(warm.query)
    assert chosen(stored) == chosen(warm)
    assert {item.suggestion for item in stored.items} == {None}
    assert project.loop.replay(cold.query) == cold


def test_a_query_is_replayed_after_the_pool_grew(make: Make, picture: Callable[[int], bytes]) -> None:
    project = make(SQUARES).bring().train()
    query = project.loop.query(4)
    project.loop.add_images([picture(1), picture(2)])
    assert [job.state for job in project.work()] == ["succeeded"]
    assert project.loop.query(4).remaining == query.remaining + 2
    assert project.loop.replay(query.query) == query


def test_a_query_whose_project_file_changed_is_gone_rather_than_another(
    make: Make, another: Callable[[Project], Project]
) -> None:
    project = make().bring()
    query = project.loop.query(5)
    labels = project.loop.config.labels.model_copy(update={"control": 1.0})
    other = another(project)
    object.__setattr__(other.loop.config, "labels", labels)
    with pytest.raises(Gone, match="has changed"):
        other.loop.replay(query.query)
