"""Checkpoints and their scores of the pool. Their files lie on disk, beside the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy import insert as insert_into
from sqlalchemy.exc import IntegrityError

from nextlabel.contracts.errors import Conflict
from nextlabel.store import json_utils
from nextlabel.store.schema import checkpoints
from nextlabel.store.schema import scorings as _scorings


@dataclass(frozen=True)
class CheckpointRow:
    """A trained model."""

    project: str
    name: str
    number: int
    """Its number within the project: 1, 2, ..."""
    job: int | None
    """The job that trained it; None for a bundled one."""
    created: float
    """Seconds since the epoch."""
    metrics: Mapping[str, Any]
    """Metrics on the hold-out and, as `test_...`, on the test split; and the number of `labels`. All are finite."""
    card: Mapping[str, Any]
    verdict: str
    """Why it went live when it was added, or why it did not."""
    folder: str
    promoted: bool
    """Whether it went live when it was added. Later changes of the live checkpoint do not change this."""


@dataclass(frozen=True)
class ScoringRow:
    """A checkpoint's scores of a pool: memory-mapped arrays in a folder."""

    project: str
    checkpoint: str | None
    """None for a scoring before the first model: it has prepared arrays, from a backbone's embeddings."""
    rows: int
    """Number of items scored: those at positions 0 to rows - 1."""
    arrays: tuple[str, ...]
    """Names of the arrays."""
    folder: str
    created: float
    """Seconds since the epoch."""
    last_label: int
    """The newest label the checkpoint was trained on."""
    prepared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the arrays that each strategy prepared, by the strategy's folder in `prepared/`."""
    id: int = 0
    """Assigned when it is stored."""


def next_number(c: Connection, project: str) -> int:
    """Return the number of the project's next checkpoint."""
    newest = select(func.coalesce(func.max(checkpoints.c.number), 0)).where(checkpoints.c.project == project)
    return int(c.execute(newest).scalar_one()) + 1


def insert(c: Connection, row: CheckpointRow) -> None:
    """Store a checkpoint. Raises Conflict if the project has one of that name or number, or does not exist."""
    values = {**vars(row), "metrics": json_utils.metrics(row.metrics)}
    try:
        c.execute(insert_into(checkpoints), values)
    except IntegrityError as error:
        raise Conflict(f"project {row.project!r} cannot store checkpoint {row.name!r}: {error.orig}") from error


def get(c: Connection, project: str, name: str) -> CheckpointRow | None:
    """Return the checkpoint, or None."""
    query = select(checkpoints).where(checkpoints.c.project == project, checkpoints.c.name == name)
    row = c.execute(query).mappings().one_or_none()
    return None if row is None else CheckpointRow(**row)


def all(c: Connection, project: str) -> list[CheckpointRow]:  # noqa: A001 - read as checkpoints.all
    """Return the project's checkpoints, ordered by number."""
    query = select(checkpoints).where(checkpoints.c.project == project).order_by(checkpoints.c.number)
    return [CheckpointRow(**row) for row in c.execute(query).mappings()]


def insert_scoring(c: Connection, row: ScoringRow) -> int:
    """Store a scoring and return its id, which is never used again."""
    values = {name: value for name, value in vars(row).items() if name != "id"}
    return int(c.execute(insert_into(_scorings).values(values).returning(_scorings.c.id)).scalar_one())


def scoring(c: Connection, project: str, checkpoint: str | None) -> ScoringRow | None:
    """Return the checkpoint's newest scoring, or None."""
    query = select(_scorings).where(_scorings.c.project == project, _scorings.c.checkpoint == checkpoint)
    row = c.execute(query.order_by(_scorings.c.id.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else ScoringRow(**row)


def scoring_by_id(c: Connection, id_: int) -> ScoringRow | None:
    """Return the scoring with that id, or None."""
    row = c.execute(select(_scorings).where(_scorings.c.id == id_)).mappings().one_or_none()
    return None if row is None else ScoringRow(**row)


def scorings(c: Connection, project: str) -> list[ScoringRow]:
    """Return the project's scorings, oldest first."""
    query = select(_scorings).where(_scorings.c.project == project).order_by(_scorings.c.id)
    return [ScoringRow(**row) for row in c.execute(query).mappings()]


def delete_scoring(c: Connection, id_: int) -> None:
    """Delete a scoring. Queries that were chosen by it can then no longer be replayed."""
    c.execute(delete(_scorings).where(_scorings.c.id == id_))
