"""The worker: claims jobs and runs each in a process of its own, so that a crash takes nothing with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from nextlabel.contracts.errors import NotReady
from nextlabel.engine.jobs.startup import queue_startup_jobs
from nextlabel.engine.process import file_lock
from nextlabel.engine.services import Services
from nextlabel.engine.training.cleanup import sweep
from nextlabel.store import jobs
from nextlabel.store.jobs import JobRow, Kind, State

LOOK_EVERY = 0.1
GRACE = 5.0
"""Seconds a job has to end after it was asked to, before it is killed."""

_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

SLOTS: tuple[tuple[Kind, ...], ...] = (("train",), ("score", "import"))
"""One job a slot at a time: new images are scored while a training runs."""


@dataclass
class Child:
    """A running job's process."""

    job: JobRow
    process: subprocess.Popen[bytes]
    asked_to_stop: float | None = None


class Worker:
    """One for each home folder; a lock file holds a second one off."""

    def __init__(self, services: Services, command: Callable[[JobRow], Sequence[str]]) -> None:
        self._services = services
        self._command = command
        self._owner = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
        self._children: dict[tuple[Kind, ...], Child] = {}
        self._stopping = False

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; jobs that run then are interrupted."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        with worker_lock(self._services.home.root):
            self._recover()
            while not self._stopping:
                with suppress(NotReady):  # the database is busy: look again, the jobs go on meanwhile
                    self._look()
                time.sleep(LOOK_EVERY)
            self._end_children()

    def _recover(self) -> None:
        # the lock is ours, so whatever the table says still runs died with its worker
        with self._services.database.write() as connection:
            jobs.interrupt_orphans(connection, self._owner, time.time())
        sweep(self._services)
        queue_startup_jobs(self._services)

    def _look(self) -> None:
        for slot in SLOTS:
            child = self._children.get(slot)
            if child is None:
                self._claim(slot)
            elif child.process.poll() is not None:
                self._ended(child)
                del self._children[slot]
            else:
                self._stop_if_cancelled(child)

    def _claim(self, slot: tuple[Kind, ...]) -> None:
        with self._services.database.read() as connection:
            if not jobs.waiting(connection, slot, self._owner):  # looking takes no write lock
                return
        with self._services.database.write() as connection:
            # nothing of this slot runs: what the table says of it was claimed as the database went away
            for number in jobs.claimed(connection, self._owner, slot):
                jobs.finish(connection, number, self._owner, "interrupted", time.time(), error="it was never started")
            job = jobs.claim(connection, self._owner, slot, time.time())
        if job is None:
            return
        log = self._services.home.job_log(job.id)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                self._command(job),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **self._services.settings.environment()},
            )
        self._children[slot] = Child(job, process)

    def _stop_if_cancelled(self, child: Child) -> None:
        if child.asked_to_stop is None:
            with self._services.database.read() as connection:
                row = jobs.get(connection, child.job.id)
            if row is not None and row.cancel:
                child.asked_to_stop = time.monotonic()
                child.process.terminate()
        elif time.monotonic() - child.asked_to_stop > GRACE:
            child.process.kill()

    def _ended(self, child: Child) -> None:
        code = child.process.returncode
        # a signal from outside, such as the kernel's when memory runs out, says nothing against the job
        state: State = "interrupted" if -code in _FROM_OUTSIDE else "failed"
        error: str | None = f"the job's process ended with {_said(code)} before it was done"
        if child.asked_to_stop is not None:
            state, error = ("interrupted" if self._stopping else "cancelled"), None
        with self._services.database.write() as connection:
            # says nothing where the job wrote its own end
            jobs.finish(connection, child.job.id, self._owner, state, time.time(), None, error)
        if code:
            self._services.home.sweep_unfinished(child.job.project)

    def _end_children(self) -> None:
        for child in self._children.values():
            child.asked_to_stop = time.monotonic()
            child.process.terminate()
        for child in self._children.values():
            try:
                child.process.wait(GRACE)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            with suppress(NotReady):  # the next worker says so
                self._ended(child)

    def _stop(self, _signal: int, _frame: object) -> None:
        self._stopping = True


def worker_lock(root: Path) -> AbstractContextManager[None]:
    """Hold the home folder's worker lock; Conflict where another process holds it."""
    return file_lock(root / "worker.lock", f"another worker runs on {root}; one is enough")


def _said(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"
