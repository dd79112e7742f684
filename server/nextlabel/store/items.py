"""Items: everything in a project that can be labelled, at dense positions in order of arrival."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sqlalchemy import Connection, bindparam, func, select

from nextlabel.contracts.data import IntArray
from nextlabel.store import bulk, projects
from nextlabel.store.schema import items

Source = Literal["array", "file", "upload"]


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to add."""

    id: str
    source: Source
    path: str | None
    """Where its file lies, if it has one."""
    media_type: str | None
    """None: not an image."""
    holdout: bool
    """Never trained on."""


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item of the pool."""

    position: int
    """Its row in every array of the project."""
    id: str
    source: Source
    path: str | None
    media_type: str | None
    holdout: bool
    added: float
    """Seconds since the epoch."""


_SELECT = select(
    items.c.position,
    items.c.id,
    items.c.source,
    items.c.path,
    items.c.media_type,
    items.c.holdout,
    items.c.added,
).where(items.c.project == bindparam("project"))
_PAGE = _SELECT.where(items.c.position > bindparam("after")).order_by(items.c.position).limit(bindparam("limit"))
_BY_ID = _SELECT.where(items.c.id.in_(bindparam("ids", expanding=True)))
_BY_POSITION = _SELECT.where(items.c.position.in_(bindparam("positions", expanding=True)))
_KNOWN = select(items.c.id, items.c.position).where(
    items.c.project == bindparam("project"),
    items.c.id.in_(bindparam("ids", expanding=True)),
)
_COUNT = select(func.coalesce(func.max(items.c.position), -1) + 1).where(items.c.project == bindparam("project"))


def add(c: Connection, project: str, rows: Sequence[NewItem], now: float) -> list[int]:
    """Add items and return their positions, in the order given.

    An id that is there already, or stands in `rows` before, keeps its position and its row.
    """
    projects.lock(c, project)
    size = count(c, project)
    known: dict[str, int] = {}
    if size:
        for ids in bulk.chunks([row.id for row in rows]):
            known.update((id_, position) for id_, position in c.execute(_KNOWN, {"project": project, "ids": ids}))
    fresh: list[tuple[object, ...]] = []
    for row in rows:
        if row.id not in known:
            position = known[row.id] = size + len(fresh)
            fresh.append((project, position, row.id, row.source, row.path, row.media_type, bool(row.holdout), now))
    bulk.insert(c, items, fresh)
    return [known[row.id] for row in rows]


def count(c: Connection, project: str) -> int:
    """Return how many items the project has; also the next position."""
    return int(c.execute(_COUNT, {"project": project}).scalar_one())


def by_ids(c: Connection, project: str, ids: Iterable[str]) -> dict[str, ItemRow]:
    """Return the items by id; an id that is not there is left out."""
    found: dict[str, ItemRow] = {}
    for chunk in bulk.chunks(list(ids)):
        for row in c.execute(_BY_ID, {"project": project, "ids": chunk}):
            found[row[1]] = ItemRow(*row)
    return found


def by_positions(c: Connection, project: str, positions: Iterable[int]) -> dict[int, ItemRow]:
    """Return the items by position; a position that is not there is left out."""
    found: dict[int, ItemRow] = {}
    for chunk in bulk.chunks([int(position) for position in positions]):
        for row in c.execute(_BY_POSITION, {"project": project, "positions": chunk}):
            found[row[0]] = ItemRow(*row)
    return found


def holding(c: Connection, project: str, text: str) -> IntArray:
    """Return the positions, in order, of the items whose id holds `text`, in capitals or not.

    On SQLite that is so of the letters A to Z alone: any other is found only as it is written.
    Every id is looked at, in the index alone: a tenth of a second for a million.
    """
    # SQLite's LIKE is blind to case by itself, and three times as quick without being told
    same = items.c.id.contains if c.dialect.name == "sqlite" else items.c.id.icontains
    ids = select(items.c.position).where(items.c.project == project, same(text, autoescape=True))
    # half of all ids may be found: as the driver gives them, not a record each
    cursor = c.execute(ids).cursor
    found = cursor.fetchall() if cursor is not None else []
    return np.sort(np.fromiter((position for (position,) in found), np.int64, len(found)))


def page(c: Connection, project: str, after: int, limit: int) -> list[ItemRow]:
    """Return at most `limit` items at positions past `after`, in order; -1 starts."""
    return [ItemRow(*row) for row in c.execute(_PAGE, {"project": project, "after": after, "limit": limit})]
