"""Replays choose the same items from the record, or raise Gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import numpy as np
import pytest
from support.engine import SQUARES, ToyProject, full, ids

from nextlabel.contracts.errors import Gone
from nextlabel.engine.records import QueryAnswer
from nextlabel.store import checkpoints

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


# ------------------------------------------------------------------- prepared arrays


def rescored(project: ToyProject, image: Callable[[int], bytes], seed: int) -> None:
    """Add an image, so that the live checkpoint scores the pool again, and strategies are prepared again."""
    project.add_images([image(seed)])
    assert [job.state for job in project.work()] == ["succeeded"]


def test_a_query_replays_with_the_prepared_arrays_of_its_scoring(make: Make, image: Callable[[int], bytes]) -> None:
    project = make(SQUARES, strategy={"plugin": "toy-prepared"}).import_dataset().train()
    project.answer(project.project.queries.create(4, None, "ann"), "ann")
    query = project.project.queries.create(4, None, "bob")
    project.answer(query, "bob")
    rescored(project, image, 1)
    with project.services.database.read() as connection:
        old, new = checkpoints.scorings(connection, "toy")
    covered = [len(np.load(project.services.home.at(row.folder) / "prepared" / "covered.npy")) for row in (old, new)]
    assert covered == [6, 14]  # so the arrays of the newer scoring would give another choice
    assert sorted(path.name for path in project.services.home.at(old.folder).iterdir()) == ["prepared"]
    assert project.project.queries.replay(query.query) == query
    shutil.rmtree(project.services.home.at(old.folder))
    with pytest.raises(Gone, match="were deleted"):
        project.project.queries.replay(query.query)


@pytest.mark.slow
def test_prepared_arrays_of_ten_scorings_stay(make: Make, image: Callable[[int], bytes]) -> None:
    project = make(SQUARES, strategy={"plugin": "margin", "also": ["toy-prepared"]}).import_dataset().train()
    pairs = []
    for seed in range(12):
        pairs.append((project.project.queries.create(2), project.project.queries.create(2, "toy-prepared")))
        rescored(project, image, seed)
    with project.services.database.read() as connection:
        assert len(checkpoints.scorings(connection, "toy")) == 10
    for number, (margin, prepared) in enumerate(pairs):
        assert project.project.queries.replay(margin.query) == margin
        if number < 3:  # 13 scorings so far
            with pytest.raises(Gone, match="were deleted"):
                project.project.queries.replay(prepared.query)
        else:
            assert project.project.queries.replay(prepared.query) == prepared
        assert chosen(project.project.queries.get(prepared.query)) == chosen(prepared)


def test_strategies_of_also_have_their_parameters(make: Make) -> None:
    also = {"plugin": "margin", "also": [{"plugin": "toy-prepared", "scale": 3.0}]}
    project = make(strategy=also).import_dataset().train()
    query = project.project.queries.create(3, "toy-prepared")
    assert query.parameters == {"scale": 3.0}
    assert project.project.queries.get(query.query).parameters == {"scale": 3.0}
    assert project.project.queries.replay(query.query) == query
