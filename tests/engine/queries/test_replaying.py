"""Replays choose the same items from the record, or raise Gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.engine import SQUARES, ToyProject, full, ids

from nextlabel.contracts.errors import Gone
from nextlabel.engine.records import QueryAnswer

Make = Callable[..., ToyProject]
UNKNOWN = {"size": 60, "known": False}
"""A data set without any labels."""


def chosen(answer: QueryAnswer) -> list[tuple[str, float, str]]:
    return [(item.id, item.score, item.reason) for item in answer.items]


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["random", "margin", "entropy"])
def test_a_query_is_replayed_later_with_the_same_result(make: Make, strategy: str) -> None:
    project = make(
        dataset=UNKNOWN, labels={"initial": 0, "holdout": 0.3, "control": 0.3}, strategy={"plugin": strategy}
    ).import_dataset()
    cold = project.project.queries.create(5, None, "ann")
    project.project.labels.submit(
        "ann", [full(item, "red" if place % 2 else "blue") for place, item in enumerate(ids(cold))]
    )
    project.train()
    bob = project.project.queries.create(4, None, "bob")
    warm = project.project.queries.create(5, None, "ann")
    project.project.labels.submit("ann", [full(item, "green") for item in ids(warm)])
    project.project.labels.submit("bob", [full(item, "green") for item in ids(bob)])
    project.train()
    project.project.queries.create(7, None, "cleo")
    for query in (cold, bob, warm):
        again = project.project.queries.replay(query.query)
        assert again == project.project.queries.get(query.query)
        assert chosen(again) == chosen(query)
        assert again == query


def test_renewed_leases_are_not_part_of_a_replay(blobs: ToyProject) -> None:
    first = blobs.project.queries.create(2, None, "ann")
    second = blobs.project.queries.create(5, None, "ann")
    assert chosen(blobs.project.queries.replay(second.query)) == [c for c in chosen(second) if c[0] not in ids(first)]


def test_a_query_is_gone_once_its_scores_are_deleted(make: Make) -> None:
    project = make(settings={"keep_scores": 1}).import_dataset()
    cold = project.project.queries.create(3)
    project.train()
    warm = project.project.queries.create(3)
    project.train()
    with pytest.raises(Gone, match="were deleted"):
        project.project.queries.replay(warm.query)
    stored = project.project.queries.get(warm.query)
    assert chosen(stored) == chosen(warm)
    assert {item.suggestion for item in stored.items} == {None}
    assert project.project.queries.replay(cold.query) == cold


def test_a_query_is_replayed_after_the_pool_grew(make: Make, image: Callable[[int], bytes]) -> None:
    project = make(SQUARES).import_dataset().train()
    query = project.project.queries.create(4)
    project.add_images([image(1), image(2)])
    assert [job.state for job in project.work()] == ["succeeded"]
    assert project.project.queries.create(4).remaining == query.remaining + 2
    assert project.project.queries.replay(query.query) == query


def test_a_query_is_gone_if_its_project_file_changed(make: Make, another: Callable[[ToyProject], ToyProject]) -> None:
    project = make().import_dataset()
    query = project.project.queries.create(5)
    labels = project.project.config.labels.model_copy(update={"control": 1.0})
    other = another(project)
    object.__setattr__(other.project.config, "labels", labels)
    with pytest.raises(Gone, match="has changed"):
        other.project.queries.replay(query.query)
