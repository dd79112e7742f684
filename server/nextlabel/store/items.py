"""Items: everything in a project that can be labelled, at dense positions in the order they were added."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sqlalchemy import Connection, CursorResult, bindparam, func, select

from nextlabel.contracts.data import BoolArray, IntArray
from nextlabel.contracts.errors import NotFound, NotReady
from nextlabel.store import bulk
from nextlabel.store.schema import items, projects

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


# until its data set is imported, a project has only uploads; what is left of a killed import is not visible
_IMPORTED = select(projects.c.imported).where(projects.c.name == bindparam("project")).scalar_subquery() > 0
_OF_PROJECT = items.c.project == bindparam("project")
_VISIBLE = _OF_PROJECT & ((items.c.source == "upload") | _IMPORTED)
_COLUMNS = [column for column in items.c if column.name != "project"]
_SELECT = select(*_COLUMNS).where(_VISIBLE)
_PAGE = _SELECT.where(items.c.position > bindparam("after")).order_by(items.c.position).limit(bindparam("limit"))
_BY_ID = _SELECT.where(items.c.id.in_(bindparam("ids", expanding=True)))
# SQLite expects a project to have ten items, and scans all of them for five ids. A left join is always
# executed from left to right, so each id is looked up in the index
_WANTED = func.json_each(bindparam("ids")).table_valued("value")
_BY_ID_SQLITE = select(*_COLUMNS).select_from(_WANTED.outerjoin(items, _VISIBLE & (items.c.id == _WANTED.c.value)))
_BY_POSITION = _SELECT.where(items.c.position.in_(bindparam("positions", expanding=True)))
_PATHS = (
    select(items.c.path)
    .where(_VISIBLE, items.c.position < bindparam("until"), items.c.path.is_not(None))
    .order_by(items.c.position)
)
_HELD_OUT = select(items.c.position).where(_VISIBLE, items.c.position >= bindparam("start"), items.c.holdout)
_STORED = select(func.coalesce(func.max(items.c.position), -1) + 1)
_COUNT = _STORED.where(_VISIBLE)


def add(c: Connection, project: str, rows: Sequence[NewItem], now: float) -> list[int]:
    """Add items and return their positions, in the order of `rows`.

    An id that exists already, or occurs in `rows` before, keeps its position and its row. Raises
    NotReady while a data set is being imported.
    """
    size = count(c, project)
    if size < stored(c, project):
        raise NotReady(f"the data set of project {project!r} is being imported; add items when that is done", 2)
    known = {id_: row.position for id_, row in by_ids(c, project, [row.id for row in rows]).items()} if size else {}
    new: list[NewItem] = []
    for row in rows:
        if row.id not in known:
            known[row.id] = size + len(new)
            new.append(row)
    insert(c, project, size, new, now)
    return [known[row.id] for row in rows]


def insert(c: Connection, project: str, start: int, rows: Sequence[NewItem], now: float) -> None:
    """Add items with new ids at the positions from `start`."""
    values = [
        (project, position, row.id, row.source, row.path, row.media_type, bool(row.holdout), now)
        for position, row in enumerate(rows, start)
    ]
    bulk.insert(c, items, values)


def count(c: Connection, project: str) -> int:
    """Return the number of items of the project, which is also the next position."""
    return int(c.execute(_COUNT, {"project": project}).scalar_one())


def stored(c: Connection, project: str) -> int:
    """Return the number of items with those of an unfinished import, which are not visible."""
    return int(c.execute(_STORED.where(_OF_PROJECT), {"project": project}).scalar_one())


def by_ids(c: Connection, project: str, ids: Iterable[str]) -> dict[str, ItemRow]:
    """Return the items by id, without the ids that do not exist."""
    rows: dict[str, ItemRow] = {}
    for chunk in bulk.chunks(list(ids)):
        if c.dialect.name == "sqlite":
            found = c.execute(_BY_ID_SQLITE, {"project": project, "ids": json.dumps(chunk)})
        else:
            found = c.execute(_BY_ID, {"project": project, "ids": chunk})
        rows.update((row.id, ItemRow(*row)) for row in found if row.id is not None)
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


def holdout_flags(c: Connection, project: str, start: int) -> BoolArray:
    """Return (k,) whether each item at the positions from `start` is held out."""
    flags = np.zeros(max(0, count(c, project) - start), np.bool_)
    flags[_column(c.execute(_HELD_OUT, {"project": project, "start": start})) - start] = True
    return flags


def paths(c: Connection, project: str, until: int) -> list[str]:
    """Return the paths of the files and uploads at positions below `until`, in order."""
    return list(c.execute(_PATHS, {"project": project, "until": until}).scalars())


def with_text_in_id(c: Connection, project: str, text: str) -> IntArray:
    """Return the positions, in order, of the items whose id contains `text`, in upper or lower case.

    SQLite ignores the case of the letters A to Z only. The search reads the index of all ids: a
    tenth of a second for a million.
    """
    # SQLite's LIKE ignores case by itself, and is three times as fast as lower()
    contains = items.c.id.contains if c.dialect.name == "sqlite" else items.c.id.icontains
    matches = select(items.c.position).where(_VISIBLE, contains(text, autoescape=True))
    return np.sort(_column(c.execute(matches, {"project": project})))


def page(c: Connection, project: str, after: int, limit: int) -> list[ItemRow]:
    """Return at most `limit` items at positions greater than `after`, in order; -1 starts."""
    return [ItemRow(*row) for row in c.execute(_PAGE, {"project": project, "after": after, "limit": limit})]


def _column(result: CursorResult[tuple[int]]) -> IntArray:
    """Return the only column. It comes straight from the driver: a record for each of a million rows takes seconds."""
    rows = result.cursor.fetchall() if result.cursor is not None else ()
    return np.fromiter((value for (value,) in rows), np.int64, len(rows))
