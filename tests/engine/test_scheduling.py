"""Jobs are queued once, and again after a failure."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from support.engine import SQUARES, ToyProject

from nextlabel.contracts.errors import NotReady, Unprocessable
from nextlabel.engine.scheduling import queue_once
from nextlabel.store import checkpoints, jobs

Make = Callable[..., ToyProject]


@pytest.fixture
def squares(make: Make) -> ToyProject:
    return make(SQUARES).import_dataset().train()


def test_work_is_queued_once(blobs: ToyProject) -> None:
    blobs.train()
    services = blobs.services
    plain = queue_once(services.database, "toy", "score")
    assert queue_once(services.database, "toy", "score") == plain
    more = queue_once(services.database, "toy", "score", {"needs": ["samples"]})
    assert more != plain
    for _ in range(3):
        assert queue_once(services.database, "toy", "score", {"needs": ["samples"]}) == more
    prepared = queue_once(services.database, "toy", "score", {"needs": [], "prepare": ["toy-prepared"]})
    assert prepared not in (plain, more)
    assert queue_once(services.database, "toy", "score", {"prepare": ["toy-prepared"]}) == prepared
    assert queue_once(services.database, "toy", "train") == queue_once(services.database, "toy", "train")


def test_a_query_queues_an_interrupted_scoring_again(squares: ToyProject, image: Callable[[int], bytes]) -> None:
    squares.add_images([image(1)])
    with squares.services.database.write() as connection:
        claimed = jobs.claim(connection, "worker", ("score",), time.time())
    assert claimed is not None
    squares.project.queries.create(1)  # the scoring is running
    assert [job.state for job in squares.engine.jobs() if job.kind == "score"] == ["running"]
    with squares.services.database.write() as connection:
        jobs.finish(connection, claimed.id, "worker", "interrupted", time.time() - 61, None, None)

    def scorings_queued() -> int:
        return sum((job.kind, job.state) == ("score", "queued") for job in squares.engine.jobs())

    assert scorings_queued() == 0
    squares.project.queries.create(1)
    assert scorings_queued() == 1
    squares.project.queries.create(1)
    assert scorings_queued() == 1
    assert [job.state for job in squares.work()] == ["succeeded"]
    squares.project.queries.create(1)
    assert scorings_queued() == 0


@pytest.mark.parametrize(
    ("kind", "parameters", "error"),
    [("train", {}, NotReady), ("score", {"choose": {"size": 1}}, NotReady), ("score", {}, Unprocessable)],
)
def test_before_the_first_model_only_a_failed_scoring_stops_another(
    make: Make, kind: Any, parameters: dict[str, Any], error: type[Exception]
) -> None:
    project = make(features={"plugin": "toy-scaled"}, strategy={"plugin": "toy-embedded"}).import_dataset()
    with project.services.database.write() as connection:
        for row in checkpoints.scorings(connection, "toy"):
            checkpoints.delete_scoring(connection, row.id)
        jobs.queue(connection, "toy", kind, parameters, time.time())
        claimed = jobs.claim(connection, "worker", (kind,), time.time())
        assert claimed is not None
        jobs.finish(connection, claimed.id, "worker", "failed", time.time(), None, "the disk is full")
    with pytest.raises(error):
        project.project.queries.create(1)


def test_several_uploads_queue_one_scoring(squares: ToyProject, image: Callable[[int], bytes]) -> None:
    for number in range(5):
        squares.add_images([image(number)])
    assert len(squares.work()) == 1
    squares.add_images([image(0)])  # it is in the pool already
    assert squares.work() == []
