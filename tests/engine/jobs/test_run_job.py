"""A claimed job, run in this process: its row always records how it ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from support.engine import ToyProject

from nextlabel.contracts.errors import NextlabelError, NotReady
from nextlabel.engine.jobs import run_job as run_job_module
from nextlabel.engine.jobs.run_job import JobReport, run_job, use_threads
from nextlabel.engine.training.commit import Interrupted
from nextlabel.store import jobs
from nextlabel.store.jobs import JobRow

Make = Callable[..., ToyProject]


def claimed(project: ToyProject, owner: str = "me") -> JobRow:
    project.project.start_training()
    with project.services.database.write() as connection:
        job = jobs.claim(connection, owner, ("train",), time.time())
    assert job is not None
    return job


def test_progress_is_reported_a_few_times_per_second(blobs: ToyProject, capsys: pytest.CaptureFixture[str]) -> None:
    job = claimed(blobs)
    report = JobReport(blobs.services, job, Event())
    for step in range(100):
        report(step / 200, {"loss": 1 / (step + 1)})
    assert len(capsys.readouterr().out.splitlines()) == 1
    report(1.0, {"accuracy": 0.5})
    ended = blobs.engine.job(job.id)
    assert ended.progress == 1.0
    assert ended.metrics == {"loss": 0.01, "accuracy": 0.5}
    assert capsys.readouterr().out == "100.0% loss=0.01 accuracy=0.5\n"


def test_progress_never_goes_back(blobs: ToyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_job_module, "_REPORT_EVERY", 0.0)
    job = claimed(blobs)
    report = JobReport(blobs.services, job, Event())
    for share in (0.5, 0.2, 7.0):
        report(share, {})
    assert blobs.engine.job(job.id).progress == 1.0


def test_a_busy_database_does_not_end_a_job(blobs: ToyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any) -> None:
        raise NotReady("the database was busy")

    job = claimed(blobs)
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "report", busy)
        JobReport(blobs.services, job, Event())(0.5, {})
    JobReport(blobs.services, job, Event())(0.6, {})
    assert blobs.engine.job(job.id).progress == 0.6


def test_a_cancelled_job_stops_at_its_next_report(blobs: ToyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_job_module, "_REPORT_EVERY", 0.0)
    job = claimed(blobs)
    assert blobs.engine.cancel(job.id).state == "running"
    with pytest.raises(Interrupted):
        JobReport(blobs.services, job, Event())(0.1, {})
    run_job(blobs.services, job)
    assert blobs.engine.job(job.id).state == "cancelled"


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (NextlabelError("in a line"), "in a line"),
        (ValueError("a bug"), "ValueError: a bug"),
        (MemoryError(), "MemoryError: "),
    ],
)
def test_an_error_of_a_job_is_in_its_row(
    blobs: ToyProject, monkeypatch: pytest.MonkeyPatch, raised: Exception, error: str
) -> None:
    def broken(*_: Any) -> None:
        raise raised

    monkeypatch.setattr(run_job_module, "train", broken)
    job = claimed(blobs)
    run_job(blobs.services, job)
    ended = blobs.engine.job(job.id)
    assert (ended.state, ended.error) == ("failed", error)
    assert ended.finished is not None


def test_the_number_of_threads_is_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    use_threads(1)
    assert os.environ["OMP_NUM_THREADS"] == "1"
