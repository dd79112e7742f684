"""How what a job has made is kept: with the job's end, in one transaction, or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from sqlalchemy import Connection

from nextlabel.contracts.errors import NextlabelError, NotReady
from nextlabel.store import jobs
from nextlabel.store.jobs import JobRow

Report = Callable[[float, Mapping[str, float]], None]
"""Takes the share done, 0..1, and metrics; raises Interrupted where the job must stop."""
PATIENCE = 600.0
"""Seconds that what was made waits for the database."""
PAUSE = 1.0
"""Seconds between two tries: a server that is not there says so at once."""

R = TypeVar("R")


class Interrupted(NextlabelError):
    """The job is no longer this process's to finish."""


def succeed(connection: Connection, job: JobRow, measured: Mapping[str, float], now: float) -> None:
    """Write that a job is done; Interrupted where it was cancelled, or taken for dead, meanwhile.

    In the transaction that makes its results visible, so that such a job leaves none.
    """
    owner = str(job.owner)
    wanted = jobs.report(connection, job.id, owner, 1.0, measured)
    if not wanted or not jobs.finish(connection, job.id, owner, "succeeded", now):
        raise Interrupted(f"job {job.id} was stopped before its results were kept")


def patiently(do: Callable[[], R], report: Report) -> R:
    """Return what `do` makes of the database, again while that is not to be had: an hour's work is behind it.

    NotReady after ten minutes; Interrupted where the job is stopped meanwhile.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return do()
        except NotReady:
            if time.monotonic() > until:
                raise
            report(0.0, {})
            time.sleep(PAUSE)
