"""Runs one claimed job of any kind in this process, and records how it ended."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from threading import Event

from nextlabel.contracts.errors import DatasetMissing, Gone, NextlabelError, NotReady, PluginError
from nextlabel.engine.datasets.import_dataset import import_dataset
from nextlabel.engine.queries import worker_choices
from nextlabel.engine.queries.service import QueryService
from nextlabel.engine.scheduling import is_choice
from nextlabel.engine.services import Services
from nextlabel.engine.training.commit import Interrupted, Report
from nextlabel.engine.training.job import train
from nextlabel.engine.training.score_job import score
from nextlabel.store import jobs
from nextlabel.store.jobs import JobRow, State

_REPORT_EVERY = 0.25
_FILES_SHARE = 0.95
"""Share of an import's progress that the check of its files takes."""


class JobReport:
    """Writes progress to the job's row, at most a few times a second. Raises Interrupted if the job must stop."""

    def __init__(self, services: Services, job: JobRow, stop: Event, listen: Report | None = None) -> None:
        """`listen` also receives the share done and the metrics, each time."""
        self._services = services
        self._listen = listen
        self._job = job
        self._stop = stop
        self._written = 0.0
        self._progress = 0.0
        self._metrics: dict[str, float] = {}

    def __call__(self, progress: float, metrics: Mapping[str, float]) -> None:
        """Record the share done, 0..1, and metrics."""
        self._progress = max(self._progress, min(1.0, progress))
        self._metrics.update(metrics)
        if self._listen is not None:
            self._listen(progress, metrics)
        if self._stop.is_set():
            raise Interrupted(f"job {self._job.id} was asked to stop")
        now = time.monotonic()
        if now - self._written < _REPORT_EVERY and progress < 1:
            return
        self._written = now
        running = True
        with suppress(NotReady), self._services.database.write() as connection:  # busy: reported the next time
            running = jobs.report(connection, self._job.id, str(self._job.owner), self._progress, self._metrics)
        metrics_text = " ".join(f"{name}={value:.4g}" for name, value in self._metrics.items())
        print(f"{self._progress:6.1%} {metrics_text}", flush=True)  # noqa: T201 - standard output is the job's log
        if not running:
            raise Interrupted(f"job {self._job.id} was asked to stop")


def run_job(services: Services, job: JobRow, stop: Event | None = None, listen: Report | None = None) -> None:
    """Run a claimed job and record in its row how it ended.

    Once `stop` is set, any error counts as its cancellation. `listen` receives all that the job reports.
    """
    stop = stop or Event()
    use_threads(services.settings.train_threads or services.settings.cores)
    report = JobReport(services, job, stop, listen)
    try:
        if job.kind == "train":
            train(services, job, report)
        elif is_choice(job):
            _finish(services, job, "succeeded", metrics=_choose(services, job))
        elif job.kind == "score":
            score(services, job, report)
        else:
            config = services.projects.get(job.project)
            summary = import_dataset(
                config, services.registry, services.settings, services.database, services.home,
                lambda done: report(done * _FILES_SHARE, {}),
            )  # fmt: skip
            if summary is not None:
                print(summary, flush=True)  # noqa: T201 - as above
            _finish(services, job, "succeeded")
    except Interrupted as interrupted:
        print(interrupted, flush=True)  # noqa: T201 - as above
        _finish(services, job, "cancelled")
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and the row must record it
        if stop.is_set():  # a library interrupted in the middle of an import raises an error of its own
            _finish(services, job, "cancelled")
        elif isinstance(error, NextlabelError):
            if isinstance(error, PluginError) and error.__cause__ is not None:
                traceback.print_exception(error.__cause__)
            shown = str(error.of(job.project) if isinstance(error, DatasetMissing) else error)
            print(shown, flush=True)  # noqa: T201 - as above
            _finish(services, job, "failed", shown)
        else:
            traceback.print_exc()
            _finish(services, job, "failed", f"{type(error).__name__}: {error}")


def _choose(services: Services, job: JobRow) -> Mapping[str, float]:
    """Run a strategy that must run in the worker, and return what `worker_choices` reads.

    Raises Interrupted if the query must wait, so that the next request queues it again.
    """
    queries = QueryService(services, services.projects.get(job.project), lambda: services.row(job.project))
    request = job.parameters["choose"]
    try:
        worker_choices.drop_old(services, job.project)
        if "replay" not in request:
            return {"query": float(queries.create(**request, here=True).query.rpartition("-")[2])}
        return {"same": float(_is_same(queries, request["replay"]))}
    except NotReady as error:
        raise Interrupted(str(error)) from error


def _is_same(queries: QueryService, query: str) -> bool:
    try:
        queries.replay(query, here=True)
    except Gone as gone:
        print(gone, flush=True)  # noqa: T201 - standard output is the job's log
        return False
    return True


def use_threads(count: int) -> None:
    """Let torch, and every other library that uses OpenMP, use `count` threads."""
    os.environ["OMP_NUM_THREADS"] = str(count)
    # waiting threads sleep: spinning ones starve each other on a busy machine (6 s became 93 s)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    if "torch" in sys.modules:  # otherwise it reads the environment when it is imported
        sys.modules["torch"].set_num_threads(count)


def _finish(
    services: Services,
    job: JobRow,
    state: State,
    error: str | None = None,
    metrics: Mapping[str, float] | None = None,
) -> None:
    with services.database.write() as connection:
        jobs.finish(connection, job.id, str(job.owner), state, time.time(), metrics, error)
