"""The jobs that a start queues."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from support.engine import SQUARES, ToyProject

from nextlabel.engine.jobs.startup import queue_startup_jobs
from nextlabel.store import checkpoints, jobs, projects

Make = Callable[..., ToyProject]


@pytest.mark.slow
def test_a_start_queues_unfinished_work(make: Make, image: Callable[[int], bytes]) -> None:
    default = make(SQUARES)
    for _ in range(2):
        queue_startup_jobs(default.services)
    assert [(job.kind, job.state) for job in default.work()] == [("train", "succeeded")]
    queue_startup_jobs(default.services)
    assert default.work() == []
    default.add_images([image(0)])
    with default.services.database.write() as connection:
        (job,) = jobs.page(connection, "toy", 1)
        jobs.request_cancel(connection, job.id, time.time())
    queue_startup_jobs(default.services)
    assert [job.kind for job in default.work()] == ["score"]


@pytest.mark.slow
def test_another_project_trains_at_the_start_only_if_automatic(make: Make) -> None:
    for automatic in (False, True):
        project = make(automatic=automatic, settings={"default_project": "another"})
        queue_startup_jobs(project.services)
        assert len(project.work()) == int(automatic)


def test_a_live_checkpoint_without_scores_is_scored_at_the_start(make: Make) -> None:
    project = make(SQUARES).import_dataset().train()
    with project.services.database.write() as connection:
        (scoring,) = checkpoints.scorings(connection, "toy")
        checkpoints.delete_scoring(connection, scoring.id)
        assert projects.get(connection, "toy") is not None
    queue_startup_jobs(project.services)
    assert [(job.kind, job.state) for job in project.work()] == [("score", "succeeded")]


def test_the_default_projects_jobs_are_queued_first(make: Make) -> None:
    project = make(automatic=True, name="later")
    config = project.project.config
    project.services.projects.configs.update({"a": config.model_copy(update={"name": "a"})})  # type: ignore[attr-defined]
    queue_startup_jobs(project.services)
    with project.services.database.read() as connection:
        assert [job.project for job in jobs.page(connection, None, 10)] == ["a", "later"]  # the newest first
