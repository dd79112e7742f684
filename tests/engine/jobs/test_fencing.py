"""A stopped training leaves nothing behind, and events during a training are not lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from support.engine import ToyProject, folders

from nextlabel.contracts.errors import Conflict
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.training.cleanup import sweep
from nextlabel.store import jobs

Make = Callable[..., ToyProject]


def test_a_cancelled_training_leaves_nothing_visible(meddled: Callable[..., Any]) -> None:
    project, happens = meddled()
    number = project.project.start_training()
    happens.append(lambda: project.engine.cancel(number) and None)
    (job,) = project.work()
    assert job.state == "cancelled"
    assert (project.project.models.checkpoints(), folders(project)) == ([], set())
    project.train()
    assert [checkpoint.checkpoint for checkpoint in project.project.models.checkpoints()] == ["r1"]


@pytest.mark.parametrize("ended", ["cancelled", "interrupted"])
def test_a_training_taken_for_dead_leaves_nothing_visible(meddled: Callable[..., Any], ended: Any) -> None:
    """It loses its row between its last report and its end, and must not commit."""
    project, happens = meddled()
    number = project.project.start_training()

    def take() -> None:
        with project.services.database.write() as connection:
            jobs.finish(connection, number, "worker", ended, time.time())

    happens.append(take)
    assert [job.state for job in project.work()] == [ended]
    assert (project.project.models.checkpoints(), folders(project)) == ([], set())


def test_files_of_a_killed_job_are_replaced_or_swept(blobs: ToyProject) -> None:
    """A kill -9 between the folder and its row: the next training takes the same name."""
    left = blobs.services.home.checkpoint("toy", "r1")
    left.mkdir(parents=True)
    (left / "card.json").write_text("{}")
    blobs.train()
    assert [checkpoint.checkpoint for checkpoint in blobs.project.models.checkpoints()] == ["r1"]
    assert (left / "weights.safetensors").exists()
    stale = blobs.services.home.scores("toy", "r9-9")
    stale.mkdir(parents=True)
    sweep(blobs.services)
    assert folders(blobs) == {"checkpoints/toy/r1", "scores/toy/r1-2"}


def test_items_added_during_a_training_are_scored_after_it(
    meddled: Callable[..., Any], image: Callable[[int], bytes]
) -> None:
    project, happens = meddled()
    happens.append(lambda: project.add_images([image(1)]) and None)
    project.project.start_training()
    done = project.work()
    assert [(job.kind, job.state) for job in done] == [("train", "succeeded"), ("score", "succeeded")]
    assert project.project.queries.create(100, "random").remaining == 24 - 6 + 1


def test_one_training_at_a_time(blobs: ToyProject) -> None:
    number = blobs.project.start_training()
    with pytest.raises(Conflict, match=f"job {number} is queued"):
        blobs.project.start_training()


def test_a_job_of_another_owner_is_left_alone(blobs: ToyProject) -> None:
    number = blobs.project.start_training()
    with blobs.services.database.write() as connection:
        job = jobs.claim(connection, "one", ("train",), time.time())
        assert job is not None
        jobs.interrupt_orphans(connection, "two", time.time())
    run_job(blobs.services, job)
    assert blobs.engine.job(number).state == "interrupted"
    assert blobs.project.models.checkpoints() == []
