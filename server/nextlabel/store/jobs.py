"""Jobs: the table is the queue, so no queued job is lost and none runs twice.

queued ──> running ──> succeeded | failed | cancelled | interrupted
   └─────> cancelled
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, Select, Update, case, delete, func, literal, select, update

from nextlabel.contracts.errors import Conflict, NotFound
from nextlabel.store import bulk, json_utils
from nextlabel.store.database import Database
from nextlabel.store.schema import jobs

_UNFINISHED = (
    "SELECT id, project, kind, state, owner, cancel FROM jobs WHERE state IN ('queued', 'running') ORDER BY id"
)
# as a string, the value of a missing key is NULL in both databases
_IS_CHOICE = jobs.c.parameters["choose"].as_string().is_not(None)
Kind = Literal["import", "train", "score", "evaluate"]
State = Literal["queued", "running", "succeeded", "failed", "cancelled", "interrupted"]


@dataclass(frozen=True)
class JobRow:
    """A job in the background. Times are seconds since the epoch."""

    id: int
    project: str
    kind: Kind
    state: State
    progress: float
    """0..1."""
    metrics: Mapping[str, Any]
    """The metrics that it reported last; always finite."""
    error: str | None
    parameters: Mapping[str, Any]
    created: float
    started: float | None
    finished: float | None
    owner: str | None
    """The worker that runs it or ran it."""
    cancel: bool
    """Whether it was asked to stop."""


class UnfinishedJob(NamedTuple):
    """A job that is queued or running."""

    id: int
    project: str
    kind: Kind
    state: State
    owner: str | None
    cancel: bool


def queue(c: Connection, project: str, kind: Kind, parameters: Mapping[str, Any], now: float) -> int:
    """Add a job and return its id. Raises Conflict, naming the job, if the project already trains."""
    values = {
        "project": project,
        "kind": kind,
        "state": "queued",
        "progress": 0.0,
        "metrics": {},
        "parameters": parameters,
        "created": now,
        "cancel": False,
    }
    # the index ix_jobs_one_training refuses the second, so two at once cannot both pass a check
    id_ = c.execute(bulk.upsert(c, jobs).values(values).on_conflict_do_nothing().returning(jobs.c.id)).scalar()
    if id_ is None:
        other = active(c, project, kind)
        state = "" if other is None else f": job {other.id} is {other.state}"
        raise Conflict(f"project {project!r} already trains{state}")
    return int(id_)


def active(c: Connection, project: str, kind: Kind) -> JobRow | None:
    """Return the project's oldest job of that kind that is queued or running, or None."""
    return next(iter(all_active(c, project, kind)), None)


def all_active(c: Connection, project: str, kind: Kind) -> list[JobRow]:
    """Return the project's jobs of that kind that are queued or running, oldest first."""
    statement = select(jobs).where(
        jobs.c.state.in_(["queued", "running"]), jobs.c.project == project, jobs.c.kind == kind
    )
    return [JobRow(*row) for row in c.execute(statement.order_by(jobs.c.id))]


def get(c: Connection, id_: int) -> JobRow | None:
    """Return the job, or None."""
    return _one(c, select(jobs).where(jobs.c.id == id_))


def latest(c: Connection, project: str, kind: Kind, limit: int) -> list[JobRow]:
    """Return at most `limit` jobs of the project and of that kind, newest first, without `choices`."""
    statement = select(jobs).where(jobs.c.project == project, jobs.c.kind == kind, ~_IS_CHOICE)
    return [JobRow(*row) for row in c.execute(statement.order_by(jobs.c.id.desc()).limit(limit))]


def choices(c: Connection, project: str) -> list[JobRow]:
    """Return the project's jobs that run a strategy for a query, newest first; their parameters have `choose`."""
    statement = select(jobs).where(jobs.c.project == project, jobs.c.kind == "score", _IS_CHOICE)
    return [JobRow(*row) for row in c.execute(statement.order_by(jobs.c.id.desc()))]


def page(c: Connection, project: str | None, limit: int, before: int | None = None) -> list[JobRow]:
    """Return at most `limit` jobs with ids below `before`, newest first; of all projects if `project` is None."""
    statement = select(jobs).order_by(jobs.c.id.desc()).limit(limit)
    if project is not None:
        statement = statement.where(jobs.c.project == project)
    if before is not None:
        statement = statement.where(jobs.c.id < before)
    return [JobRow(*row) for row in c.execute(statement)]


def unfinished(database: Database) -> list[UnfinishedJob]:
    """Return the jobs that are queued or running, oldest first: what a worker reacts to."""
    return [UnfinishedJob(*row) for row in database.poll(_UNFINISHED)]


def claim_queued(c: Connection, id_: int, owner: str, now: float) -> JobRow | None:
    """Mark this job as running for `owner` and return it; None if it is not queued."""
    statement = update(jobs).where(jobs.c.id == id_, jobs.c.state == "queued")
    row = c.execute(statement.values(state="running", owner=owner, started=now).returning(jobs)).one_or_none()
    return None if row is None else JobRow(*row)


def claim(
    c: Connection, owner: str, kinds: Sequence[Kind], now: float, projects: Collection[str] | None = None
) -> JobRow | None:
    """Mark the oldest queued job of these kinds as running for `owner` and return it; None if there is none.

    Only the jobs of `projects` count; None for those of all projects.
    """
    queued = select(jobs.c.id).where(jobs.c.state == "queued", jobs.c.kind.in_(kinds)).order_by(jobs.c.id)
    if projects is not None:
        queued = queued.where(jobs.c.project.in_(projects))
    id_ = c.execute(queued.limit(1)).scalar()
    return None if id_ is None else claim_queued(c, id_, owner, now)


def report(c: Connection, id_: int, owner: str, progress: float, metrics: Mapping[str, Any]) -> bool:
    """Store a job's progress and metrics, which replace the earlier ones. Return whether it may go on.

    False if the job no longer runs for this owner, or was asked to stop.
    """
    values = {"progress": progress, "metrics": json_utils.metrics(metrics)}
    cancel = c.execute(_running(id_, owner).values(values).returning(jobs.c.cancel)).scalar()
    return cancel is not None and not cancel


def finish(
    c: Connection,
    id_: int,
    owner: str,
    state: State,
    now: float,
    metrics: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> bool:
    """End a job if it still runs for this owner; return whether it did.

    Without `metrics`, the last reported ones stay.
    """
    values: dict[str, Any] = {"state": state, "finished": now, "error": error}
    if metrics is not None:
        values["metrics"] = json_utils.metrics(metrics)
    if state == "succeeded":
        values["progress"] = 1.0
    return c.execute(_running(id_, owner).values(values)).rowcount == 1


def request_cancel(c: Connection, id_: int, now: float) -> JobRow:
    """Cancel a queued job at once, or ask a running one to stop. Raises NotFound if there is no such job."""
    queued = update(jobs).where(jobs.c.id == id_, jobs.c.state == "queued")
    c.execute(queued.values(state="cancelled", finished=now, cancel=True))
    c.execute(update(jobs).where(jobs.c.id == id_, jobs.c.state == "running").values(cancel=True))
    row = get(c, id_)
    if row is None:
        raise NotFound(f"there is no job {id_}")
    return row


def remove(c: Connection, ids: Sequence[int]) -> None:
    """Delete jobs that no checkpoint names."""
    c.execute(delete(jobs).where(jobs.c.id.in_(ids)))


def interrupt_orphans(c: Connection, owner: str, now: float) -> int:
    """Mark every running job of another owner as interrupted; return how many there were."""
    orphans = update(jobs).where(jobs.c.state == "running", func.coalesce(jobs.c.owner, "") != owner)
    ended = "the worker that ran it has ended"
    project = jobs.c.project
    hint = (
        literal("; start the training again: POST /projects/") + project + "/train or `nextlabel train " + project + "`"
    )
    error = case((jobs.c.kind == "train", literal(ended) + hint), else_=ended)
    values = {"state": "interrupted", "finished": now, "error": error}
    return c.execute(orphans.values(values)).rowcount


def _running(id_: int, owner: str) -> Update:
    return update(jobs).where(jobs.c.id == id_, jobs.c.owner == owner, jobs.c.state == "running")


def _one(c: Connection, statement: Select[Any]) -> JobRow | None:
    row = c.execute(statement).one_or_none()
    return None if row is None else JobRow(*row)
