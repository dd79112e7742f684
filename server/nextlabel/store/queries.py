"""Queries, stored so that they can be replayed, and leases, which reserve items for one annotator."""

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
    """A query: everything its choice depends on, and the chosen items."""

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
    """Id of the scores it chose by; None if it needed none."""
    rows: int
    """Number of items that had scores at that time."""
    last_label: int
    """Id of the newest label it knew."""
    size: int
    """Number of items requested."""
    excluded: tuple[int, ...]
    """Positions it could not choose because of leases."""
    leased: tuple[int, ...]
    """Positions leased to any annotator at that time; strategies treat them as covered."""
    chosen: tuple[Chosen, ...]
    """Best first."""
    probabilities: str | None = None
    """Where the class probabilities came from that its strategies used, as `probabilities_source` returns it; None if
    they used none, or the query is older than this column."""


@dataclass(frozen=True, slots=True)
class Lease:
    """An item reserved for one annotator for a while."""

    project: str
    position: int
    annotator: str
    query: str
    """Id of the query that leased it."""
    expires: float
    """Seconds since the epoch; the lease has no effect from then on."""
    score: float
    reason: Reason


_ONE = select(queries).where(queries.c.id == bindparam("id"))
_LIVE = (
    select(_leases)
    .where(_leases.c.project == bindparam("project"), _leases.c.expires > bindparam("now"))
    .order_by(_leases.c.position, _leases.c.annotator)
)


def insert(c: Connection, row: QueryRow) -> None:
    """Store a query. Raises IntegrityError if its id or its number exists already."""
    chosen = [(choice.position, choice.score, choice.reason) for choice in row.chosen]
    values = {name: getattr(row, name) for name in queries.columns.keys()}  # noqa: SIM118 - keys are the names
    c.execute(insert_into(queries), values | {"seed": int(row.seed), "chosen": chosen})


def get(c: Connection, id_: str) -> QueryRow | None:
    """Return the query, or None."""
    row = c.execute(_ONE, {"id": id_}).mappings().one_or_none()
    if row is None:
        return None
    return QueryRow(**{**row, "chosen": read_chosen(row["chosen"])})


def read_chosen(chosen: Iterable[tuple[int, float | None, Reason]]) -> tuple[Chosen, ...]:
    """Return the chosen items of a query from its JSON column, which stores NaN as null."""
    return tuple(Chosen(position, math.nan if score is None else score, reason) for position, score, reason in chosen)


def leases(c: Connection, project: str, now: float) -> list[Lease]:
    """Return the leases that are live at `now`, by position."""
    return [Lease(**row) for row in c.execute(_LIVE, {"project": project, "now": now}).mappings()]


def grant(c: Connection, rows: Sequence[Lease]) -> None:
    """Store leases; each replaces one with the same project, position and annotator."""
    if not rows:
        return
    statement = bulk.upsert(c, _leases)
    new = statement.excluded
    renewed = {"query": new.query, "expires": new.expires, "score": new.score, "reason": new.reason}
    keys = ["project", "position", "annotator"]
    # drivers do not accept numpy's numbers
    values = [asdict(row) | {"position": int(row.position), "score": float(row.score)} for row in rows]
    c.execute(statement.on_conflict_do_update(index_elements=keys, set_=renewed), values)


def drop_expired(c: Connection, project: str, now: float) -> int:
    """Delete the leases that have expired at `now`; return how many."""
    return c.execute(delete(_leases).where(_leases.c.project == project, _leases.c.expires <= now)).rowcount


def release_query(c: Connection, query: str) -> int:
    """Delete the leases of a query; return how many."""
    return c.execute(delete(_leases).where(_leases.c.query == query)).rowcount


def release(c: Connection, project: str, annotator: str, positions: Iterable[int]) -> int:
    """Delete an annotator's leases of these positions; return how many."""
    own = delete(_leases).where(_leases.c.project == project, _leases.c.annotator == annotator)
    parts = bulk.chunks([int(position) for position in positions])
    return sum(c.execute(own.where(_leases.c.position.in_(part))).rowcount for part in parts)
