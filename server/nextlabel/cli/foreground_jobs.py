"""Jobs that a command waits for, with their progress.

A worker that runs on the home folder runs them. Without one, this process does.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from uuid import uuid4

from nextlabel.cli.output import Advance, metrics_line
from nextlabel.contracts.errors import Conflict
from nextlabel.engine.engine import Engine
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.jobs.worker import worker_lock, worker_projects
from nextlabel.engine.records import Job
from nextlabel.engine.training.commit import Report
from nextlabel.store import jobs

_POLL_EVERY = 0.2
_ENDED = ("succeeded", "failed", "cancelled", "interrupted")


def wait_for_job(
    engine: Engine,
    project: str,
    queue: Callable[[bool], int],
    advance: Advance,
    listen: Report | None = None,
    *,
    own: bool = True,
) -> Job:
    """Wait until a job of a project has ended, and return it.

    `queue` returns the job's number; it receives whether a worker runs. While another command runs a job, this one
    waits. `listen` receives all that the job reports, if it runs in this process. Raises Conflict if a worker runs that
    has not read the project's file, or one with the same content. A KeyboardInterrupt cancels the job
    first if it runs in this process, or if it was queued for a worker and is this command's `own`.
    """
    root = engine.services.home.root
    number: int | None = None
    try:
        while True:
            with ExitStack() as locks:
                try:
                    locks.enter_context(worker_lock(root))
                except Conflict:
                    if number is None and (files := worker_projects(root)):
                        _check_known(engine, project, files)
                        number = queue(True)
                else:
                    return _run_here(engine, number, queue, advance, listen)
            if number is None:
                advance(0.0, "waiting for another command")
            else:
                job = engine.job(number)
                if job.state in _ENDED:
                    return job
                _advance(job, advance)
            time.sleep(_POLL_EVERY)
    except KeyboardInterrupt:
        if own and number is not None:
            engine.cancel(number)
        raise


def _check_known(engine: Engine, project: str, files: Mapping[str, str]) -> None:
    """Raise Conflict unless the project's file among `files`, which the running worker has read, has this content."""
    file = engine.services.projects.files[project]
    known = Path(files[project]) if project in files else None
    # not the paths: two installations have the built-in projects in different folders
    if known is None or not known.is_file() or known.read_bytes() != file.read_bytes():
        raise Conflict(
            f"a worker runs on {engine.settings.home} and runs its jobs, but it has not read {file}; "
            f"start it with --projects {file.resolve().parent}, stop it, or choose another home folder with --home"
        )


def _run_here(
    engine: Engine, number: int | None, queue: Callable[[bool], int], advance: Advance, listen: Report | None
) -> Job:
    """Run the job that was queued for a worker which has ended since, if there is such a `number`, else a new one."""
    services = engine.services
    owner = f"command-{os.getpid()}-{uuid4().hex[:8]}"
    with services.database.write() as connection:
        # we hold the worker's lock, so every job that the table calls running died with its worker
        jobs.interrupt_orphans(connection, owner, time.time())
    if number is None:
        number = queue(False)
    with services.database.write() as connection:
        job = jobs.claim_queued(connection, number, owner, time.time())
    if job is not None:
        try:
            with _interrupt_event() as stop, _show_progress(engine, number, advance):
                run_job(services, job, stop, listen)
        except KeyboardInterrupt:
            with services.database.write() as connection:
                jobs.finish(connection, number, owner, "cancelled", time.time())
            raise
    return engine.job(number)


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


def _advance(job: Job, advance: Advance) -> None:
    shown = {name: value for name, value in job.metrics.items() if name in ("accuracy", "loss", "rmse")}
    advance(job.progress, metrics_line(shown) if job.state == "running" else job.state)
