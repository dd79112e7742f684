"""A training that was stopped leaves nothing, and what happened meanwhile is not lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from engine_help import Project, folders

from nextlabel.contracts.errors import Conflict
from nextlabel.engine.jobs.running import run_job
from nextlabel.engine.training.retention import sweep
from nextlabel.store import jobs

Make = Callable[..., Project]


def test_a_cancelled_training_leaves_nothing_visible(meddled: Callable[..., Any]) -> None:
    project, happens = meddled()
    number = project.loop.train()
    happens.append(lambda: project.engine.cancel(number) and None)
    (job,) = project.work()
    assert job.state == "cancelled"
    assert (project.loop.checkpoints(), folders(project)) == ([], set())
    project.train()
    assert [found.checkpoint for found in project.loop.checkpoints()] == ["r1"]


@pytest.mark.parametrize("ended", ["cancelled", "interrupted"])
def test_a_training_taken_for_dead_leaves_nothing_visible(meddled: Callable[..., Any], ended: Any) -> None:
    """It lost its row between its last report and its end: the fence holds."""
    project, happens = meddled()
    number = project.loop.train()

    def take() -> None:
        with project.context.database.write() as connection:
            jobs.finish(connection, number, "worker", ended, time.time())

    happens.append(take)
    assert [job.state for job in project.work()] == [ended]
    assert (project.loop.checkpoints(), folders(project)) == ([], set())


def test_what_a_killed_job_wrote_is_in_nobodys_way(blobs: Project) -> None:
    """A kill -9 between the folder and its row: the next training takes the same name."""
    left = blobs.context.home.checkpoint("toy", "r1")
    left.mkdir(parents=True)
    (left / "card.json").write_text("{}")
    blobs.train()
    assert [found.checkpoint for found in blobs.loop.checkpoints()] == ["r1"]
    assert (left / "weights.safetensors").exists()
    stale = blobs.context.home.scores("toy", "r9-9")
    stale.mkdir(parents=True)
    sweep(blobs.context)
    assert folders(blobs) == {"checkpoints/toy/r1", "scores/toy/r1-2"}


def test_items_that_came_during_a_training_are_scored_after_it(
    meddled: Callable[..., Any], picture: Callable[[int], bytes]
) -> None:
    project, happens = meddled()
    happens.append(lambda: project.loop.add_images([picture(1)]) and None)
    project.loop.train()
    done = project.work()
    assert [(job.kind, job.state) for job in done] == [("train", "succeeded"), ("score", "succeeded")]
    assert project.loop.query(100, "random").remaining == 24 - 6 + 1


def test_one_training_at_a_time(blobs: Project) -> None:
    number = blobs.loop.train()
    with pytest.raises(Conflict, match=f"job {number} is queued"):
        blobs.loop.train()


def test_a_job_that_is_not_ours_any_more_says_nothing(blobs: Project) -> None:
    number = blobs.loop.train()
    with blobs.context.database.write() as connection:
        job = jobs.claim(connection, "one", ("train",), time.time())
        assert job is not None
        jobs.interrupt_orphans(connection, "two", time.time())
    run_job(blobs.context, job)
    assert blobs.engine.job(number).state == "interrupted"
    assert blobs.loop.checkpoints() == []
