"""Runs one claimed job in this process, whichever kind it is, and writes how it ended."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from threading import Event

from nextlabel.contracts.errors import NextlabelError, NotReady
from nextlabel.engine.datasets.import_dataset import import_dataset
from nextlabel.engine.services import Services
from nextlabel.engine.training.commit import Interrupted
from nextlabel.engine.training.job import train
from nextlabel.engine.training.score_job import score
from nextlabel.store import jobs
from nextlabel.store.jobs import JobRow, State

_REPORT_EVERY = 0.25
_LOOKED_AT = 0.95
"""Share of an import's progress that is looking at its files."""


class JobReport:
    """Writes progress to the job's row, a few times a second at most; raises where the job must stop."""

    def __init__(self, services: Services, job: JobRow, stop: Event) -> None:
        self._services = services
        self._job = job
        self._stop = stop
        self._written = 0.0
        self._progress = 0.0
        self._metrics: dict[str, float] = {}

    def __call__(self, progress: float, metrics: Mapping[str, float]) -> None:
        """Note the share done, 0..1, and metrics."""
        self._progress = max(self._progress, min(1.0, progress))
        self._metrics.update(metrics)
        if self._stop.is_set():
            raise Interrupted(f"job {self._job.id} was told to stop")
        now = time.monotonic()
        if now - self._written < _REPORT_EVERY and progress < 1:
            return
        self._written = now
        alive = True
        with suppress(NotReady), self._services.database.write() as connection:  # busy: it is told the next time
            alive = jobs.report(connection, self._job.id, str(self._job.owner), self._progress, self._metrics)
        said = " ".join(f"{name}={value:.4g}" for name, value in self._metrics.items())
        print(f"{self._progress:6.1%} {said}", flush=True)  # noqa: T201 - standard output is the job's log
        if not alive:
            raise Interrupted(f"job {self._job.id} was told to stop")


def run_job(services: Services, job: JobRow, stop: Event | None = None) -> None:
    """Run a claimed job; whatever happens, its row says how it ended. Once `stop` is set, what it raises cancels it."""
    stop = stop or Event()
    use_threads(services.settings.train_threads or services.settings.cores)
    report = JobReport(services, job, stop)
    try:
        if job.kind == "train":
            train(services, job, report)
        elif job.kind == "score":
            score(services, job, report)
        else:
            config = services.projects.get(job.project)
            said = import_dataset(
                config, services.registry, services.settings, services.database, services.home,
                lambda done: report(done * _LOOKED_AT, {}),
            )  # fmt: skip
            if said is not None:
                print(said, flush=True)  # noqa: T201 - as above
            _finish(services, job, "succeeded")
    except Interrupted as stopped:
        print(stopped, flush=True)  # noqa: T201 - as above
        _finish(services, job, "cancelled")
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the row must say what
        if stop.is_set():  # a library that is stopped in the middle of an import calls it an error of its own
            _finish(services, job, "cancelled")
        elif isinstance(error, NextlabelError):
            print(error, flush=True)  # noqa: T201 - as above
            _finish(services, job, "failed", str(error))
        else:
            traceback.print_exc()
            _finish(services, job, "failed", f"{type(error).__name__}: {error}")


def use_threads(count: int) -> None:
    """Let torch, and what else counts threads by OpenMP, use `count` of them."""
    os.environ["OMP_NUM_THREADS"] = str(count)
    # waiting threads sleep: spinning, they starve one another where something else runs too (6 s became 93)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    if "torch" in sys.modules:  # read from the environment when it is imported later
        sys.modules["torch"].set_num_threads(count)


def _finish(services: Services, job: JobRow, state: State, error: str | None = None) -> None:
    with services.database.write() as connection:
        jobs.finish(connection, job.id, str(job.owner), state, time.time(), None, error)
