"""Commits a job's results together with the end of the job, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from sqlalchemy import Connection

from nextlabel.contracts.errors import NextlabelError, NotReady
from nextlabel.store import jobs
from nextlabel.store.jobs import JobRow

Report = Callable[[float, Mapping[str, float]], None]
"""Takes the share done, 0..1, and metrics. Raises Interrupted if the job must stop."""
RETRY_FOR = 600.0
"""Seconds for which a job retries while the database is unavailable."""
RETRY_EVERY = 1.0
"""Seconds between two attempts; a database server that is down refuses a connection at once."""

R = TypeVar("R")


class Interrupted(NextlabelError):
    """The job was stopped, or no longer belongs to this process."""


def finish_job(connection: Connection, job: JobRow, metrics: Mapping[str, float], now: float) -> None:
    """Mark a job as succeeded. Raises Interrupted if it was cancelled or marked as interrupted meanwhile.

    Call it in the transaction that stores the results, so that a stopped job leaves none.
    """
    owner = str(job.owner)
    active = jobs.report(connection, job.id, owner, 1.0, metrics)
    if not active or not jobs.finish(connection, job.id, owner, "succeeded", now):
        raise Interrupted(f"job {job.id} was stopped before its results were stored")


def retry_while_busy(do: Callable[[], R], report: Report) -> R:
    """Call `do` and retry while the database is unavailable, so that a finished training is not lost.

    Raises NotReady after ten minutes, Interrupted if the job is stopped meanwhile.
    """
    deadline = time.monotonic() + RETRY_FOR
    while True:
        try:
            return do()
        except NotReady:
            if time.monotonic() > deadline:
                raise
            report(0.0, {})
            time.sleep(RETRY_EVERY)
