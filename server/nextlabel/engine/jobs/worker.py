"""The worker: claims jobs and runs each in a process of its own, so that a crash ends nothing else."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from nextlabel.contracts.errors import NotReady
from nextlabel.engine.jobs.startup import queue_startup_jobs
from nextlabel.engine.services import Services
from nextlabel.engine.training.cleanup import sweep
from nextlabel.store import jobs
from nextlabel.store.file_lock import file_lock
from nextlabel.store.jobs import JobRow, Kind, State, UnfinishedJob

POLL_EVERY = 0.25
"""Seconds between two looks at the queue. Each is one cheap query: together 0.1 % of a core."""
_PROJECTS = "worker.json"
GRACE = 5.0
"""Seconds that a job has to end after it was asked to, before it is killed."""

_EXTERNAL_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

SLOTS: tuple[tuple[Kind, ...], ...] = (("train",), ("score",), ("import",))
"""One job runs per slot at a time: new images are scored, and data sets read, while a training runs."""


@dataclass
class Child:
    """A running job's process."""

    job: JobRow
    process: subprocess.Popen[bytes]
    stop_requested: float | None = None
    """When it was asked to end, in seconds of the monotonic clock."""


class Worker:
    """Runs the jobs of one home folder. A lock file refuses a second worker."""

    def __init__(self, services: Services, command: Callable[[JobRow], Sequence[str]]) -> None:
        self._services = services
        self._command = command
        self._owner = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
        self._children: dict[tuple[Kind, ...], Child] = {}
        self._left_alone: set[int] = set()
        self._stopping = False

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; jobs that run then are interrupted."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        files = {name: str(file.resolve()) for name, file in self._services.projects.files.items()}
        with worker_lock(self._services.home.root, files):
            self._recover()
            while not self._stopping:
                with suppress(NotReady):  # the database is busy: try again later, the jobs go on meanwhile
                    self._advance()
                time.sleep(POLL_EVERY)
            self._end_children()

    def _recover(self) -> None:
        # we hold the lock, so every job that the table calls running died with its worker
        with self._services.database.write() as connection:
            jobs.interrupt_orphans(connection, self._owner, time.time())
        sweep(self._services)
        queue_startup_jobs(self._services)

    def _advance(self) -> None:
        """Start what is queued, record what has ended, and stop what was cancelled."""
        unfinished = jobs.unfinished(self._services.database)
        self._log_jobs_left_alone(unfinished)
        for slot in SLOTS:
            child = self._children.get(slot)
            if child is not None and child.process.poll() is not None:
                self._record_end(child)
                del self._children[slot]
            elif child is not None:
                self._stop_if_cancelled(child, unfinished)
            elif any(row.kind in slot and self._is_ours(row) for row in unfinished):
                self._claim(slot, unfinished)

    def _is_ours(self, job: UnfinishedJob) -> bool:
        """Return whether this worker should run a job: another project's waits for those who have its file."""
        return job.owner == self._owner or (job.state == "queued" and job.project in self._services.projects.names)

    def _log_jobs_left_alone(self, unfinished: Sequence[UnfinishedJob]) -> None:
        """Log each queued job that this worker does not run, once."""
        left = [job for job in unfinished if job.state == "queued" and not self._is_ours(job)]
        for job in left:
            if job.id not in self._left_alone:
                print(  # noqa: T201 - standard output is the worker's log
                    f"job {job.id} ({job.kind}) stays queued: this worker has read no project file of {job.project!r}",
                    flush=True,
                )
        self._left_alone = {job.id for job in left}

    def _claim(self, slot: tuple[Kind, ...], unfinished: Sequence[UnfinishedJob]) -> None:
        with self._services.database.write() as connection:
            # nothing of this slot runs: a job that the table calls ours was claimed as the database went away
            for row in unfinished:
                if row.owner == self._owner and row.kind in slot:
                    jobs.finish(
                        connection, row.id, self._owner, "interrupted", time.time(), error="it was never started"
                    )
            job = jobs.claim(connection, self._owner, slot, time.time(), self._services.projects.names)
        if job is None:
            return
        log = self._services.home.job_log(job.id)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                self._command(job),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **self._services.settings.environment()},
            )
        self._children[slot] = Child(job, process)

    def _stop_if_cancelled(self, child: Child, unfinished: Sequence[UnfinishedJob]) -> None:
        if child.stop_requested is None:
            if any(row.id == child.job.id and row.cancel for row in unfinished):
                child.stop_requested = time.monotonic()
                child.process.terminate()
        elif time.monotonic() - child.stop_requested > GRACE:
            child.process.kill()

    def _record_end(self, child: Child) -> None:
        code = child.process.returncode
        # an external signal, such as the kernel's when memory runs out, is not the job's fault
        state: State = "interrupted" if -code in _EXTERNAL_SIGNALS else "failed"
        error: str | None = f"the job's process ended with {describe_exit(code)} before it was done"
        if child.stop_requested is not None:
            state, error = ("interrupted" if self._stopping else "cancelled"), None
        with self._services.database.write() as connection:
            # changes nothing if the job recorded its own end
            jobs.finish(connection, child.job.id, self._owner, state, time.time(), None, error)
        if code:
            self._services.home.sweep_unfinished(child.job.project)

    def _end_children(self) -> None:
        for child in self._children.values():
            child.stop_requested = time.monotonic()
            child.process.terminate()
        for child in self._children.values():
            try:
                child.process.wait(GRACE)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            with suppress(NotReady):  # the next worker records it
                self._record_end(child)

    def _stop(self, _signal: int, _frame: object) -> None:
        self._stopping = True


@contextmanager
def worker_lock(root: Path, projects: Mapping[str, str] | None = None, wait: float = 0.0) -> Iterator[None]:
    """Hold the worker's lock of a home folder.

    `projects` are the projects whose jobs this process runs, with the paths of their files: None for a process that
    runs no others' jobs. Raises Conflict if another process holds the lock after `wait` seconds.
    """
    with file_lock(root / "worker.lock", f"another worker runs on {root}; one is enough", wait=wait):
        part = root / f"{_PROJECTS}.part"
        part.write_text(json.dumps(projects or {}), "utf-8")
        part.replace(root / _PROJECTS)
        yield


def worker_projects(root: Path) -> Mapping[str, str]:
    """Return the projects whose jobs the holder of the worker's lock runs, with the paths of their files."""
    try:
        files: Mapping[str, str] = json.loads((root / _PROJECTS).read_text("utf-8"))
    except FileNotFoundError:  # it has just taken the first lock
        return {}
    return files


def describe_exit(code: int) -> str:
    """Return an exit code of subprocess in words: "status 1" or "signal SIGKILL"."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"
