"""Items: everything in a project that can be labelled, at dense positions in the order they were added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sqlalchemy import Connection, bindparam, func, select

from nextlabel.contracts.data import IntArray
from nextlabel.contracts.errors import NotFound
from nextlabel.store import bulk
from nextlabel.store.schema import items

Source = Literal["array", "file", "upload"]


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to add."""

    id: str
    source: Source
    path: str | None
    """The path of its file, if it has one."""
    media_type: str | None
    """None if it is not an image."""
    holdout: bool
    """Whether it is held out from training."""


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


_SELECT = select(*(column for column in items.c if column.name != "project")).where(
    items.c.project == bindparam("project")
)
_PAGE = _SELECT.where(items.c.position > bindparam("after")).order_by(items.c.position).limit(bindparam("limit"))
_BY_ID = _SELECT.where(items.c.id.in_(bindparam("ids", expanding=True)))
_BY_POSITION = _SELECT.where(items.c.position.in_(bindparam("positions", expanding=True)))
_KNOWN = select(items.c.id, items.c.position).where(
    items.c.project == bindparam("project"), items.c.id.in_(bindparam("ids", expanding=True))
)
_COUNT = select(func.coalesce(func.max(items.c.position), -1) + 1).where(items.c.project == bindparam("project"))


def add(c: Connection, project: str, rows: Sequence[NewItem], now: float) -> list[int]:
    """Add items and return their positions, in the order of `rows`.

    An id that exists already, or occurs in `rows` before, keeps its position and its row.
    """
    size = count(c, project)
    known: dict[str, int] = {}
    if size:
        for ids in bulk.chunks([row.id for row in rows]):
            known.update((id_, position) for id_, position in c.execute(_KNOWN, {"project": project, "ids": ids}))
    new: list[tuple[object, ...]] = []
    for row in rows:
        if row.id not in known:
            position = known[row.id] = size + len(new)
            new.append((project, position, row.id, row.source, row.path, row.media_type, bool(row.holdout), now))
    bulk.insert(c, items, new)
    return [known[row.id] for row in rows]


def count(c: Connection, project: str) -> int:
    """Return the number of items of the project, which is also the next position."""
    return int(c.execute(_COUNT, {"project": project}).scalar_one())


def by_ids(c: Connection, project: str, ids: Iterable[str]) -> dict[str, ItemRow]:
    """Return the items by id, without the ids that do not exist."""
    rows: dict[str, ItemRow] = {}
    for chunk in bulk.chunks(list(ids)):
        for row in c.execute(_BY_ID, {"project": project, "ids": chunk}):
            rows[row[1]] = ItemRow(*row)
    return rows


def get(c: Connection, project: str, id_: str) -> ItemRow:
    """Return an item. Raises NotFound if there is none with this id."""
    rows = by_ids(c, project, [id_])
    if not rows:
        raise NotFound(f"project {project!r} has no item {id_!r}")
    return rows[id_]


def by_positions(c: Connection, project: str, positions: Iterable[int]) -> dict[int, ItemRow]:
    """Return the items by position, without the positions that do not exist."""
    rows: dict[int, ItemRow] = {}
    for chunk in bulk.chunks([int(position) for position in positions]):
        for row in c.execute(_BY_POSITION, {"project": project, "positions": chunk}):
            rows[row[0]] = ItemRow(*row)
    return rows


def with_text_in_id(c: Connection, project: str, text: str) -> IntArray:
    """Return the positions, in order, of the items whose id contains `text`, in upper or lower case.

    SQLite ignores the case of the letters A to Z only. The search reads the index of all ids: a
    tenth of a second for a million.
    """
    # SQLite's LIKE ignores case by itself, and is three times as fast as lower()
    contains = items.c.id.contains if c.dialect.name == "sqlite" else items.c.id.icontains
    ids = select(items.c.position).where(items.c.project == project, contains(text, autoescape=True))
    # half of all ids may match: take them from the driver, without a record for each
    cursor = c.execute(ids).cursor
    matches = cursor.fetchall() if cursor is not None else []
    return np.sort(np.fromiter((position for (position,) in matches), np.int64, len(matches)))


def page(c: Connection, project: str, after: int, limit: int) -> list[ItemRow]:
    """Return at most `limit` items at positions greater than `after`, in order; -1 starts."""
    return [ItemRow(*row) for row in c.execute(_PAGE, {"project": project, "after": after, "limit": limit})]
