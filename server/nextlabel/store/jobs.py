"""Jobs: the table is the queue, so nothing queued is lost and nothing runs twice.

queued ──> running ──> succeeded | failed | cancelled | interrupted
   └─────> cancelled
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Select, Update, and_, func, or_, select, update

from nextlabel.contracts.errors import Conflict, NotFound
from nextlabel.store import bulk, json_utils
from nextlabel.store.schema import jobs

UNFINISHED = "SELECT id, kind, state, cancel FROM jobs WHERE state IN ('queued', 'running') ORDER BY id"
"""What a worker reacts to. Text, for `Database.poll`."""
Kind = Literal["import", "train", "score", "evaluate"]
State = Literal["queued", "running", "succeeded", "failed", "cancelled", "interrupted"]


@dataclass(frozen=True)
class JobRow:
    """Work done in the background. Times are seconds since the epoch."""

    id: int
    project: str
    kind: Kind
    state: State
    progress: float
    """0..1."""
    metrics: Mapping[str, Any]
    """What it reported last; always finite."""
    error: str | None
    parameters: Mapping[str, Any]
    created: float
    started: float | None
    finished: float | None
    owner: str | None
    """The worker that runs it, or ran it."""
    cancel: bool
    """Somebody asked it to stop."""


def queue(c: Connection, project: str, kind: Kind, parameters: Mapping[str, Any], now: float) -> int:
    """Add a job and return its id. Conflict, naming the job, where the project already trains."""
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
    # the index ix_jobs_one_training is what refuses, so two at once cannot both pass a check
    id_ = c.execute(bulk.upsert(c, jobs).values(values).on_conflict_do_nothing().returning(jobs.c.id)).scalar()
    if id_ is None:
        other = active(c, project, kind)
        state = "" if other is None else f": job {other.id} is {other.state}"
        raise Conflict(f"project {project!r} already trains{state}")
    return int(id_)


def active(c: Connection, project: str, kind: Kind) -> JobRow | None:
    """Return the project's oldest job of that kind that is queued or running, or None."""
    statement = select(jobs).where(
        jobs.c.state.in_(["queued", "running"]), jobs.c.project == project, jobs.c.kind == kind
    )
    return _one(c, statement.order_by(jobs.c.id).limit(1))


def get(c: Connection, id_: int) -> JobRow | None:
    """Return the job, or None."""
    return _one(c, select(jobs).where(jobs.c.id == id_))


def page(c: Connection, project: str | None, limit: int, before: int | None = None) -> list[JobRow]:
    """Return at most `limit` jobs with ids under `before`, newest first; of all projects if None."""
    statement = select(jobs).order_by(jobs.c.id.desc()).limit(limit)
    if project is not None:
        statement = statement.where(jobs.c.project == project)
    if before is not None:
        statement = statement.where(jobs.c.id < before)
    return [JobRow(*row) for row in c.execute(statement)]


def waiting(c: Connection, kinds: Sequence[Kind], owner: str = "") -> bool:
    """Whether there is a job to claim, or one that `owner` has: a cheap look, for a worker that would else write."""
    either = or_(jobs.c.state == "queued", and_(jobs.c.state == "running", jobs.c.owner == owner))
    return c.execute(select(jobs.c.id).where(either, jobs.c.kind.in_(kinds)).limit(1)).scalar() is not None


def claimed(c: Connection, owner: str, kinds: Sequence[Kind]) -> list[int]:
    """Return the jobs of these kinds that run under `owner`."""
    mine = select(jobs.c.id).where(jobs.c.state == "running", jobs.c.owner == owner, jobs.c.kind.in_(kinds))
    return list(c.execute(mine).scalars())


def claim(c: Connection, owner: str, kinds: Sequence[Kind], now: float) -> JobRow | None:
    """Take the oldest queued job of these kinds for `owner`; it runs from now on. None: nothing to do."""
    id_ = c.execute(_oldest(kinds)).scalar()
    if id_ is None:
        return None
    mine = update(jobs).where(jobs.c.id == id_, jobs.c.state == "queued")
    row = c.execute(mine.values(state="running", owner=owner, started=now).returning(jobs)).one_or_none()
    return None if row is None else JobRow(*row)


def report(c: Connection, id_: int, owner: str, progress: float, metrics: Mapping[str, Any]) -> bool:
    """Store how far a job is; its metrics replace those before. False: stop.

    It is False where the job is no longer running under this owner, and where somebody
    asked to cancel it.
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
    """End a job, if it still runs under this owner; False and nothing done if not.

    Without `metrics` those last reported stay.
    """
    values: dict[str, Any] = {"state": state, "finished": now, "error": error}
    if metrics is not None:
        values["metrics"] = json_utils.metrics(metrics)
    if state == "succeeded":
        values["progress"] = 1.0
    return c.execute(_running(id_, owner).values(values)).rowcount == 1


def request_cancel(c: Connection, id_: int, now: float) -> JobRow:
    """Cancel a queued job at once, ask a running one to stop, leave an ended one. NotFound if there is none."""
    queued = update(jobs).where(jobs.c.id == id_, jobs.c.state == "queued")
    c.execute(queued.values(state="cancelled", finished=now, cancel=True))
    c.execute(update(jobs).where(jobs.c.id == id_, jobs.c.state == "running").values(cancel=True))
    row = get(c, id_)
    if row is None:
        raise NotFound(f"there is no job {id_}")
    return row


def interrupt_orphans(c: Connection, owner: str, now: float) -> int:
    """End every running job of another owner as interrupted; return how many."""
    orphans = update(jobs).where(jobs.c.state == "running", func.coalesce(jobs.c.owner, "") != owner)
    values = {"state": "interrupted", "finished": now, "error": "the worker that ran it is gone"}
    return c.execute(orphans.values(values)).rowcount


def _oldest(kinds: Sequence[Kind]) -> Select[tuple[int]]:
    return select(jobs.c.id).where(jobs.c.state == "queued", jobs.c.kind.in_(kinds)).order_by(jobs.c.id).limit(1)


def _running(id_: int, owner: str) -> Update:
    return update(jobs).where(jobs.c.id == id_, jobs.c.owner == owner, jobs.c.state == "running")


def _one(c: Connection, statement: Select[Any]) -> JobRow | None:
    row = c.execute(statement).one_or_none()
    return None if row is None else JobRow(*row)
