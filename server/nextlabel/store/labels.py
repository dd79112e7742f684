"""Labels: what annotators said, one row each, only ever added to."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Select, bindparam, func, select
from sqlalchemy.exc import IntegrityError

from nextlabel.contracts.errors import Conflict, NotFound, Unprocessable
from nextlabel.store import bulk, projects
from nextlabel.store.database import Database
from nextlabel.store.schema import items, labels, submissions

DATASET = "dataset"
"""The annotator of a data set's own labels."""

Kind = Literal["candidates", "value", "skip", "retract"]
Written: TypeAlias = tuple[
    int, str, Kind, tuple[str, ...] | None, float | None, float, str | None, str | None
]  # fmt: skip
"""Position, annotator, kind, candidates, value, time, key and query of a label."""


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A label as it is stored."""

    id: int
    """Counts 1, 2, ... within a project, without gaps, in the order of commit."""
    position: int
    item: str
    annotator: str
    kind: Kind
    candidates: tuple[str, ...] | None
    value: float | None
    time: float
    """Seconds since the epoch."""
    key: str | None
    """Of the request that brought it."""
    query: str | None
    """The query it answers."""


@dataclass(frozen=True, slots=True)
class NewLabel:
    """A label to add: `candidates` with that kind, `value` with that kind, neither with the others."""

    position: int
    kind: Kind
    candidates: tuple[str, ...] | None = None
    value: float | None = None


@dataclass(frozen=True)
class Submission:
    """A request that was stored under a key."""

    digest: str
    """Of its body: the same key with another is a clash."""
    accepted: int
    """How many labels it held."""


_SINCE = (
    select(
        labels.c.id,
        labels.c.position,
        items.c.id,
        labels.c.annotator,
        labels.c.kind,
        labels.c.candidates,
        labels.c.value,
        labels.c.time,
        labels.c.key,
        labels.c.query,
    )
    .join(items, (items.c.project == labels.c.project) & (items.c.position == labels.c.position))
    .where(labels.c.project == bindparam("project"))
    .order_by(labels.c.id)
)
_LAST = select(func.coalesce(func.max(labels.c.id), 0)).where(labels.c.project == bindparam("project"))
_COUNT = select(func.count()).where(
    labels.c.project == bindparam("project"),
    labels.c.id > bindparam("after"),
    labels.c.annotator != DATASET,
)
_SUBMISSION = select(submissions.c.digest, submissions.c.accepted).where(
    submissions.c.project == bindparam("project"),
    submissions.c.key == bindparam("key"),
)


def append(
    c: Connection,
    project: str,
    annotator: str,
    rows: Sequence[NewLabel],
    now: float,
    key: str | None = None,
    query: str | None = None,
) -> int:
    """Add labels in order and return the last id of the project; ids have no gaps.

    NotFound where a position has no item; Unprocessable where a label's kind and content clash.
    """
    for row in rows:
        if not _sound(row):
            raise Unprocessable(f"a label makes no sense: {row}")

    def written(row: NewLabel) -> Written:
        # numpy's numbers are not the driver's
        value = None if row.value is None else float(row.value)
        return int(row.position), annotator, row.kind, row.candidates, value, now, key, query

    return write(c, project, map(written, rows))


def write(c: Connection, project: str, rows: Iterable[Written]) -> int:
    """Add labels in order, as they are given, and return the last id of the project; NotFound as in `append`."""
    projects.lock(c, project)
    start = last(c, project)
    texts: dict[tuple[str, ...] | None, str | None] = {None: None}
    values = []
    for id_, (position, annotator, kind, candidates, *rest) in enumerate(rows, start + 1):
        if candidates not in texts:
            texts[candidates] = json.dumps(candidates, ensure_ascii=False, separators=(",", ":"))
        values.append((project, id_, position, annotator, kind, texts[candidates], *rest))
    try:
        bulk.insert(c, labels, values)
    except IntegrityError as error:
        raise NotFound(f"a label of project {project!r} is of an item that does not exist") from error
    return start + len(values)


def since(
    c: Connection, project: str, after: int, until: int | None = None, limit: int | None = None
) -> list[LabelRow]:
    """Return the labels with ids past `after`, up to and with `until`, at most `limit`, in order."""
    statement = _SINCE.where(labels.c.id > bindparam("after"))
    if until is not None:
        statement = statement.where(labels.c.id <= until)
    if limit is not None:
        statement = statement.limit(limit)
    return _rows(c, statement, project=project, after=after)


def of_item(c: Connection, project: str, position: int) -> list[LabelRow]:
    """Return all that was ever said of one item, in order."""
    return _rows(c, _SINCE.where(labels.c.position == bindparam("position")), project=project, position=position)


def of_items(c: Connection, project: str, positions: Sequence[int], until: int) -> dict[int, list[LabelRow]]:
    """Return by position, in order, what was said of these items up to and with the id `until`."""
    found: dict[int, list[LabelRow]] = {}
    for some in bulk.chunks(positions):
        statement = _SINCE.where(labels.c.position.in_(some), labels.c.id <= until)
        for row in _rows(c, statement, project=project):
            found.setdefault(row.position, []).append(row)
    return found


def last(c: Connection, project: str) -> int:
    """Return the newest label's id; 0 if there is none."""
    return int(c.execute(_LAST, {"project": project}).scalar_one())


def count(c: Connection, project: str, after: int = 0) -> int:
    """Return how many labels past id `after` are people's, not the data set's own."""
    return int(c.execute(_COUNT, {"project": project, "after": after}).scalar_one())


def pages(database: Database, project: str, size: int = 1000) -> Iterator[list[LabelRow]]:
    """Yield the history as it stands at the start, `size` labels a time, no transaction open in between."""
    with database.read() as c:
        end = last(c, project)
    after = 0
    while after < end:
        with database.read() as c:
            rows = since(c, project, after, until=end, limit=size)
        yield rows
        after = rows[-1].id


def submission(c: Connection, project: str, key: str) -> Submission | None:
    """Return what was stored under `key`, or None."""
    row = c.execute(_SUBMISSION, {"project": project, "key": key}).one_or_none()
    return None if row is None else Submission(*row)


def record_submission(c: Connection, project: str, key: str, digest: str, accepted: int, now: float) -> None:
    """Remember that `key` was stored; Conflict if it was before."""
    values = {"project": project, "key": key, "digest": digest, "accepted": accepted, "time": now}
    statement = bulk.upsert(c, submissions).values(values).on_conflict_do_nothing().returning(submissions.c.key)
    if c.execute(statement).one_or_none() is None:
        raise Conflict(f"the key {key!r} was used before")


def _sound(row: NewLabel) -> bool:
    if row.kind == "candidates":
        return bool(row.candidates) and row.value is None
    if row.kind == "value":
        return row.value is not None and math.isfinite(row.value) and row.candidates is None
    return row.kind in {"skip", "retract"} and row.candidates is None and row.value is None


def _rows(c: Connection, statement: Select[Any], **parameters: object) -> list[LabelRow]:
    sets: dict[str | None, tuple[str, ...] | None] = {None: None}
    rows = []
    for id_, position, item, annotator, kind, text, value, time, key, query in c.execute(statement, parameters).all():
        if text not in sets:
            sets[text] = tuple(json.loads(text))
        rows.append(LabelRow(id_, position, item, annotator, kind, sets[text], value, time, key, query))
    return rows
