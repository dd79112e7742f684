"""How what a job has made is kept: with the job's end, in one transaction, or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from nextlabel.contracts.errors import NextlabelError, NotReady
from nextlabel.store import jobs
from nextlabel.store.jobs import JobRow

Report = Callable[[float, Mapping[str, float]], None]
"""Takes the share done, 0..1, and metrics; raises Interrupted where the job must stop."""
PATIENCE = 600.0
"""Seconds that what was made waits for the database."""


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


def patiently(keep: Callable[[], None], report: Report) -> None:
    """Write by `keep`, and again while the database is busy: an hour's work is not lost to half a minute.

    NotReady after ten minutes; Interrupted where the job is stopped meanwhile.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return keep()
        except NotReady:
            if time.monotonic() > until:
                raise
            report(0.0, {})
