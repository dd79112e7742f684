"""A training in the foreground: by the worker where one runs, else in this process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from types import FrameType
from uuid import uuid4

from nextlabel.cli.output import Advance, metrics_line
from nextlabel.contracts.errors import Conflict, NextlabelError
from nextlabel.engine.engine import Engine
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.jobs.worker import worker_lock
from nextlabel.engine.records import Checkpoint, Job
from nextlabel.engine.scheduling import queue_once
from nextlabel.store import jobs

LOOK_EVERY = 0.2
_ENDED = ("succeeded", "failed", "cancelled", "interrupted")


def train(engine: Engine, name: str, advance: Advance, *, afresh: bool = False) -> Checkpoint:
    """Train and return the checkpoint; NextlabelError where it ended otherwise.

    `afresh`: not from the live checkpoint. Conflict where another training runs, or waits and is
    the worker's or not afresh. A KeyboardInterrupt cancels the training first.
    """
    project = engine.project(name)
    with ExitStack() as held:
        try:
            held.enter_context(worker_lock(engine.services.home.root))
        except Conflict:  # a worker runs: it trains, we look on
            job = _follow(engine, project.training.start(afresh=afresh), advance)
        else:
            job = _run_here(engine, name, advance, afresh=afresh)
    if job.state != "succeeded":
        raise NextlabelError(job.error or f"training {job.job} was {job.state}")
    return next(found for found in project.models.checkpoints() if found.job == job.job)


def _run_here(engine: Engine, name: str, advance: Advance, *, afresh: bool) -> Job:
    """Run what is queued, in order, until the project's own training has run."""
    services = engine.services
    owner = f"train-{os.getpid()}-{uuid4().hex[:8]}"
    with services.database.write() as connection:
        # we hold the worker's lock, so whatever the table says still runs died with its worker
        jobs.interrupt_orphans(connection, owner, time.time())
    wanted = (
        engine.project(name).training.start(afresh=True) if afresh else queue_once(services.database, name, "train")
    )
    while True:
        with services.database.write() as connection:
            job = jobs.claim(connection, owner, ("train",), time.time())
        if job is None:
            break
        try:
            with _noted_interrupt() as stop, _watched(engine, job.id, advance):
                run_job(services, job, stop)
        except KeyboardInterrupt:
            with services.database.write() as connection:
                jobs.finish(connection, job.id, owner, "cancelled", time.time())
            engine.cancel(wanted)  # where what ran was queued before it
            raise
        if job.id == wanted:
            break
    return engine.job(wanted)


@contextmanager
def _noted_interrupt() -> Iterator[Event]:
    """Set the event at Ctrl-C; the KeyboardInterrupt leaves the block even where a library swallows it."""
    stop = Event()
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.default_int_handler(number, frame)

    if before is signal.default_int_handler:  # else it is ignored, or someone else's
        signal.signal(signal.SIGINT, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
    if stop.is_set():
        raise KeyboardInterrupt


@contextmanager
def _watched(engine: Engine, number: int, advance: Advance) -> Iterator[None]:
    """Show a job's progress, as its row tells it, while the block runs it."""
    done = Event()

    def look() -> None:
        while not done.wait(LOOK_EVERY):
            _tell(engine.job(number), advance)

    watcher = Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _follow(engine: Engine, number: int, advance: Advance) -> Job:
    try:
        while (job := engine.job(number)).state not in _ENDED:
            _tell(job, advance)
            time.sleep(LOOK_EVERY)
    except KeyboardInterrupt:
        engine.cancel(number)
        raise
    return job


def _tell(job: Job, advance: Advance) -> None:
    shown = {name: value for name, value in job.metrics.items() if name in ("accuracy", "loss", "rmse")}
    advance(job.progress, metrics_line(shown) if job.state == "running" else job.state)
