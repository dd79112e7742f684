"""Jobs that a command waits for, with their progress.

A worker that runs on the home folder runs them. Without one, this process does.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from uuid import uuid4

from nextlabel.cli.output import Advance, metrics_line
from nextlabel.contracts.errors import Conflict
from nextlabel.engine.engine import Engine
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.jobs.worker import worker_lock
from nextlabel.engine.records import Job
from nextlabel.engine.settings import Settings
from nextlabel.engine.training.commit import Report
from nextlabel.store import jobs
from nextlabel.store.jobs import Kind

_POLL_EVERY = 0.2
_ENDED = ("succeeded", "failed", "cancelled", "interrupted")


def wait_for_job(
    engine: Engine,
    kind: Kind,
    queue: Callable[[bool], int],
    advance: Advance,
    project_file: Path | None = None,
    listen: Report | None = None,
) -> Job:
    """Wait until a job has ended, and return it. `queue` returns its number; it receives whether a worker runs.

    `listen` receives all that the job reports, if it runs in this process. Raises Conflict if a worker runs that
    cannot know `project_file`, from which the project comes. A KeyboardInterrupt cancels the job first.
    """
    with ExitStack() as locks:
        try:
            locks.enter_context(worker_lock(engine.services.home.root))
        except Conflict:  # a worker runs
            _check_known(engine.settings, project_file)
            return _follow(engine, queue(True), advance)
        return _run_here(engine, kind, lambda: queue(False), advance, listen)


def _check_known(settings: Settings, project_file: Path | None) -> None:
    """Raise Conflict for a project file that a running worker does not read: it is outside the projects folder."""
    if project_file is None:
        return
    folder = project_file.resolve().parent
    if settings.projects is None or settings.projects.resolve() != folder:
        raise Conflict(
            f"a worker runs on {settings.home} and runs its jobs, but it does not read {project_file}; "
            f"start it with --projects {folder}, stop it, or choose another home folder with --home"
        )


def _run_here(
    engine: Engine, kind: Kind, queue: Callable[[], int], advance: Advance, listen: Report | None = None
) -> Job:
    """Run the queued jobs of a kind in order until the one that `queue` returns has run."""
    services = engine.services
    owner = f"{kind}-{os.getpid()}-{uuid4().hex[:8]}"
    with services.database.write() as connection:
        # we hold the worker's lock, so every job that the table calls running died with its worker
        jobs.interrupt_orphans(connection, owner, time.time())
    wanted = queue()
    while True:
        with services.database.write() as connection:
            job = jobs.claim(connection, owner, (kind,), time.time(), services.projects.names)
        if job is None:
            break
        try:
            with _interrupt_event() as stop, _show_progress(engine, job.id, advance):
                run_job(services, job, stop, listen)
        except KeyboardInterrupt:
            with services.database.write() as connection:
                jobs.finish(connection, job.id, owner, "cancelled", time.time())
            engine.cancel(wanted)  # if the interrupted job was queued before it
            raise
        if job.id == wanted:
            break
    return engine.job(wanted)


@contextmanager
def _interrupt_event() -> Iterator[Event]:
    """Yield an event that Ctrl-C sets. The block ends with KeyboardInterrupt even if a library swallowed it."""
    stop = Event()
    previous = signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.default_int_handler(number, frame)

    if previous is signal.default_int_handler:  # otherwise it is ignored, or handled by another
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, previous)
    if stop.is_set():
        raise KeyboardInterrupt


@contextmanager
def _show_progress(engine: Engine, number: int, advance: Advance) -> Iterator[None]:
    """Show a job's progress, read from its row, while the block runs it."""
    done = Event()

    def watch() -> None:
        while not done.wait(_POLL_EVERY):
            _advance(engine.job(number), advance)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _follow(engine: Engine, number: int, advance: Advance) -> Job:
    """Show the progress of a job that the worker runs, and return the job when it has ended."""
    try:
        while (job := engine.job(number)).state not in _ENDED:
            _advance(job, advance)
            time.sleep(_POLL_EVERY)
    except KeyboardInterrupt:
        engine.cancel(number)
        raise
    return job


def _advance(job: Job, advance: Advance) -> None:
    shown = {name: value for name, value in job.metrics.items() if name in ("accuracy", "loss", "rmse")}
    advance(job.progress, metrics_line(shown) if job.state == "running" else job.state)
