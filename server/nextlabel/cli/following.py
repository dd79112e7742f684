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

from nextlabel.cli.screen import Advance, metrics_line
from nextlabel.contracts.errors import Conflict, NextlabelError
from nextlabel.engine.answers import Checkpoint, Job
from nextlabel.engine.engine import Engine
from nextlabel.engine.jobs.queueing import queue_once
from nextlabel.engine.jobs.running import run_job
from nextlabel.engine.jobs.worker import only_worker
from nextlabel.store import jobs

LOOK_EVERY = 0.2
_ENDED = ("succeeded", "failed", "cancelled", "interrupted")


def train(engine: Engine, project: str, advance: Advance, *, afresh: bool = False) -> Checkpoint:
    """Train and return the checkpoint; NextlabelError where it ended otherwise.

    `afresh`: not from the live checkpoint. Conflict where another training runs, or waits and is
    the worker's or not afresh. A KeyboardInterrupt cancels the training first.
    """
    loop = engine.loop(project)
    with ExitStack() as held:
        try:
            held.enter_context(only_worker(engine.context.home.root))
        except Conflict:  # a worker runs: it trains, we look on
            job = _follow(engine, loop.train(afresh=afresh), advance)
        else:
            job = _run_here(engine, project, advance, afresh=afresh)
    if job.state != "succeeded":
        raise NextlabelError(job.error or f"training {job.job} was {job.state}")
    return next(found for found in loop.checkpoints() if found.job == job.job)


def _run_here(engine: Engine, project: str, advance: Advance, *, afresh: bool) -> Job:
    """Run what is queued, in order, until the project's own training has run."""
    context = engine.context
    owner = f"train-{os.getpid()}-{uuid4().hex[:8]}"
    with context.database.write() as connection:
        # we hold the worker's lock, so whatever the table says still runs died with its worker
        jobs.interrupt_orphans(connection, owner, time.time())
    wanted = engine.loop(project).train(afresh=True) if afresh else queue_once(context, project, "train")
    while True:
        with context.database.write() as connection:
            job = jobs.claim(connection, owner, ("train",), time.time())
        if job is None:
            break
        try:
            with _noted_interrupt() as stop, _watched(engine, job.id, advance):
                run_job(context, job, stop)
        except KeyboardInterrupt:
            with context.database.write() as connection:
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
