"""Queries, stored so that they can be replayed, and the leases that reserve items for one annotator."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy import insert as insert_into

from nextlabel.store import bulk
from nextlabel.store.schema import leases as _leases
from nextlabel.store.schema import queries

Reason = Literal["strategy", "control", "holdout"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """An item that a query chose."""

    position: int
    score: float
    reason: Reason


@dataclass(frozen=True)
class QueryRow:
    """A query: everything that its result depends on, and the result."""

    id: str
    """`<project>-<number>`."""
    project: str
    number: int
    time: float
    """Seconds since the epoch."""
    annotator: str | None
    strategy: str
    parameters: Mapping[str, Any]
    seed: int
    """Below 2**63."""
    checkpoint: str | None
    scoring: int | None
    """The id of the scoring that it used; None if it needed none."""
    rows: int
    """Number of items in the pool at that time."""
    last_label: int
    """The id of the newest label at that time."""
    size: int
    """Number of items requested."""
    excluded: tuple[int, ...]
    """Positions that it must not choose."""
    chosen: tuple[Chosen, ...]
    """Best first."""


@dataclass(frozen=True, slots=True)
class Lease:
    """An item reserved for one annotator for a while."""

    project: str
    position: int
    annotator: str
    query: str
    """The id of the query that created it."""
    expires: float
    """When it ends, in seconds since the epoch."""
    score: float
    reason: Reason


_ONE = select(queries).where(queries.c.id == bindparam("id"))
_LIVE = (
    select(_leases)
    .where(_leases.c.project == bindparam("project"), _leases.c.expires > bindparam("now"))
    .order_by(_leases.c.position, _leases.c.annotator)
)


def insert(c: Connection, row: QueryRow) -> None:
    """Store a query. Raises IntegrityError if its id or number is taken."""
    chosen = [(item.position, item.score, item.reason) for item in row.chosen]
    values = {name: getattr(row, name) for name in queries.columns.keys()}  # noqa: SIM118 - keys are the names
    c.execute(insert_into(queries), values | {"seed": int(row.seed), "chosen": chosen})


def get(c: Connection, id_: str) -> QueryRow | None:
    """Return the query, or None."""
    row = c.execute(_ONE, {"id": id_}).mappings().one_or_none()
    if row is None:
        return None
    # a score that JSON cannot express was stored as null
    chosen = [
        Chosen(position, math.nan if score is None else score, reason) for position, score, reason in row["chosen"]
    ]
    return QueryRow(**{**row, "chosen": tuple(chosen)})


def leases(c: Connection, project: str, now: float) -> list[Lease]:
    """Return the leases that have not expired at `now`, by position."""
    return [Lease(*row) for row in c.execute(_LIVE, {"project": project, "now": now})]


def grant(c: Connection, rows: Sequence[Lease]) -> None:
    """Store leases; each replaces one of the same project, position and annotator."""
    if not rows:
        return
    statement = bulk.upsert(c, _leases)
    new = statement.excluded
    renewed = {"query": new.query, "expires": new.expires, "score": new.score, "reason": new.reason}
    keys = ["project", "position", "annotator"]
    # the driver does not know numpy's numbers
    values = [asdict(row) | {"position": int(row.position), "score": float(row.score)} for row in rows]
    c.execute(statement.on_conflict_do_update(index_elements=keys, set_=renewed), values)


def drop_expired(c: Connection, project: str, now: float) -> int:
    """Delete the leases that have expired at `now`; return how many."""
    return c.execute(delete(_leases).where(_leases.c.project == project, _leases.c.expires <= now)).rowcount


def release_query(c: Connection, query: str) -> int:
    """Delete the leases that a query created; return how many."""
    return c.execute(delete(_leases).where(_leases.c.query == query)).rowcount


def release(c: Connection, project: str, annotator: str, positions: Iterable[int]) -> int:
    """Delete an annotator's leases of these positions; return how many."""
    statement = delete(_leases).where(_leases.c.project == project, _leases.c.annotator == annotator)
    chunks = bulk.chunks([int(position) for position in positions])
    return sum(c.execute(statement.where(_leases.c.position.in_(chunk))).rowcount for chunk in chunks)
