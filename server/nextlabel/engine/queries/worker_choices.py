"""Queries by strategies that run in the worker: the jobs that run them, and what those jobs did.

Such a job has the kind "score" and `parameters["choose"]`: the arguments of the query, or
`{"replay": id}`. It reports the number of the query that it stored, or whether a replay chose the
same items.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nextlabel.contracts.errors import NextlabelError, NotReady, Unprocessable
from nextlabel.engine.scheduling import is_recent, queue_once
from nextlabel.engine.services import Services
from nextlabel.store import jobs
from nextlabel.store.jobs import JobRow

Request = Mapping[str, Any]
"""Plain JSON."""


def succeeded(services: Services, project: str, request: Request) -> JobRow | None:
    """Return the newest job for the same request, if it has succeeded."""
    job = _newest(services, project, request)
    return job if job is not None and job.state == "succeeded" else None


def to_be_chosen(services: Services, project: str, request: Request) -> NextlabelError:
    """Queue a job for this request, unless one is unfinished or has just failed, and return the error to raise."""
    newest = _newest(services, project, request)
    if newest is not None and newest.state == "failed" and is_recent(newest):
        return Unprocessable(f"the strategy could not choose: {newest.error}")
    number = queue_once(services.database, project, "score", {"choose": request})
    return NotReady(f"the strategy runs in the worker, and its choice is not there yet (job {number})", 2)


def drop_old(services: Services, project: str) -> None:
    """Delete the jobs, and their logs, that no request needs any more: each query queues one."""
    with services.database.read() as connection:
        choices = jobs.choices(connection, project)
    old, requests = [], []
    for job in choices:
        request = job.parameters["choose"]
        # a choice for nobody in particular is returned until there is a newer one, or a newer label
        counts = request.get("annotator", "") is None and request not in requests
        requests.append(request)
        if job.finished is not None and not is_recent(job) and not counts:
            old.append(job.id)
    if old:
        for number in old:
            services.home.job_log(number).unlink(missing_ok=True)
        with services.database.write() as connection:
            jobs.remove(connection, old)


def _newest(services: Services, project: str, request: Request) -> JobRow | None:
    with services.database.read() as connection:
        choices = jobs.choices(connection, project)
    return next((job for job in choices if job.parameters["choose"] == request), None)
