"""Jobs are queued once, and again after a failure."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from support.engine import SQUARES, ToyProject

from nextlabel.engine.scheduling import queue_once
from nextlabel.store import jobs

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


def test_several_uploads_queue_one_scoring(squares: ToyProject, image: Callable[[int], bytes]) -> None:
    for number in range(5):
        squares.add_images([image(number)])
    assert len(squares.work()) == 1
    squares.add_images([image(0)])  # it is in the pool already
    assert squares.work() == []
