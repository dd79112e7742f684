"""Commits a job's results together with the end of the job, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from nextlabel.contracts.errors import NextlabelError
from nextlabel.store import jobs
from nextlabel.store.jobs import JobRow

Report = Callable[[float, Mapping[str, float]], None]
"""Takes the share done, 0..1, and metrics. Raises Interrupted if the job must stop."""


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
