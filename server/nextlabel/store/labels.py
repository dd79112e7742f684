"""Labels: an append-only history of what annotators submitted, one row per label event."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import Any, Literal

from sqlalchemy import Connection, Select, bindparam, func, select
from sqlalchemy.exc import IntegrityError

from nextlabel.contracts.errors import Conflict, NotFound, Unprocessable
from nextlabel.store import bulk, items
from nextlabel.store.database import Database
from nextlabel.store.schema import items as _items
from nextlabel.store.schema import labels, projects, submissions

DATASET = "dataset"
"""The annotator of a data set's own labels."""

Kind = Literal["candidates", "value", "skip", "retract"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What an annotator states about one item: exactly one of candidates, value, skip and retract.

    Raises Unprocessable if it is not exactly one, if `candidates` is empty or repeats a class, or if
    `value` is not finite. Whether the project has these classes is checked when labels are submitted.
    """

    candidates: tuple[str, ...] | None = None
    """The classes the item could be: one is a full label, several a partial one."""
    value: float | None = None
    """The item's value in a regression."""
    skip: bool = False
    """The annotator gives no label and is not queried for the item again."""
    retract: bool = False
    """The annotator withdraws their current label."""

    def __post_init__(self) -> None:
        if (self.candidates is not None) + (self.value is not None) + self.skip + self.retract != 1:
            raise Unprocessable("a label is exactly one of candidates, value, skip and retract")
        if self.candidates is not None:
            if not self.candidates:
                raise Unprocessable("a candidate set needs at least one class; to give no label, skip the item")
            if len(set(self.candidates)) < len(self.candidates):
                raise Unprocessable("a class occurs twice in the candidates")
        elif self.value is not None and not math.isfinite(self.value):
            raise Unprocessable("a value must be finite")

    @property
    def kind(self) -> Kind:
        """Which of the four the label is."""
        if self.candidates is not None:
            return "candidates"
        if self.value is not None:
            return "value"
        return "skip" if self.skip else "retract"


@dataclass(frozen=True, slots=True)
class LabelEvent:
    """A label with the item it is about, who submitted it and when."""

    item: str
    """The item's id."""
    annotator: str
    label: Label
    time: float
    """Seconds since the epoch."""
    key: str | None = None
    """Key of the request that submitted it."""
    query: str | None = None
    """Id of the query it responds to."""


@dataclass(frozen=True, slots=True)
class StoredLabel:
    """A label event in the history of a project."""

    id: int
    """Counts 1, 2, ... within a project, without gaps, in the order of commit."""
    position: int
    """The item's row in every array of the project."""
    event: LabelEvent


@dataclass(frozen=True)
class Submission:
    """A request that was stored under a key."""

    digest: str
    """Digest of the request's body. Another body under the same key is a conflict."""
    accepted: int
    """Number of labels in the request."""


_IMPORTED = select(projects.c.imported).where(projects.c.name == bindparam("project")).scalar_subquery() > 0
VISIBLE = (labels.c.annotator != DATASET) | _IMPORTED
"""The labels that are not part of an unfinished import; needs the parameter `project`."""
_HISTORY = (
    select(
        labels.c.id,
        labels.c.position,
        _items.c.id.label("item"),
        labels.c.annotator,
        labels.c.kind,
        labels.c.candidates,
        labels.c.value,
        labels.c.time,
        labels.c.key,
        labels.c.query,
    )
    .join(_items, (_items.c.project == labels.c.project) & (_items.c.position == labels.c.position))
    .where(labels.c.project == bindparam("project"), VISIBLE)
    .order_by(labels.c.id)
)
_LAST = select(func.coalesce(func.max(labels.c.id), 0)).where(labels.c.project == bindparam("project"))
_COUNT = select(func.count()).where(
    labels.c.project == bindparam("project"), labels.c.id > bindparam("after"), labels.c.annotator != DATASET
)
_SUBMISSION = select(submissions.c.digest, submissions.c.accepted).where(
    submissions.c.project == bindparam("project"), submissions.c.key == bindparam("key")
)


def append(
    c: Connection, project: str, events: Sequence[LabelEvent], positions: Mapping[str, int] | None = None
) -> int:
    """Add label events in order and return the last id of the project; ids have no gaps.

    `positions` maps the items' ids to their positions; without it they are read from the database.
    Raises NotFound if an item does not exist.
    """
    if positions is None:
        positions = _positions(c, project, {event.item for event in events})
    start = last(c, project)
    texts: dict[tuple[str, ...] | None, str | None] = {None: None}
    for event in events:
        if event.label.candidates not in texts:
            texts[event.label.candidates] = candidates_text(event.label.candidates)
    # drivers do not accept numpy's numbers, so positions and values become plain ones
    columns: dict[str, Iterable[object]] = {
        "project": repeat(project),
        "id": range(start + 1, start + 1 + len(events)),
        "position": (int(positions[event.item]) for event in events),
        "annotator": (event.annotator for event in events),
        "kind": (event.label.kind for event in events),
        "candidates": (texts[event.label.candidates] for event in events),
        "value": (None if event.label.value is None else float(event.label.value) for event in events),
        "time": (event.time for event in events),
        "key": (event.key for event in events),
        "query": (event.query for event in events),
    }
    try:
        bulk.insert(c, labels, list(zip(*(columns[column.name] for column in labels.columns), strict=False)))
    except IntegrityError as error:
        raise NotFound(f"a label of project {project!r} is for an item that does not exist") from error
    return start + len(events)


def since(
    c: Connection, project: str, after: int, until: int | None = None, limit: int | None = None
) -> list[StoredLabel]:
    """Return the labels with ids above `after`, up to and including `until`, at most `limit`, in order."""
    statement = _HISTORY.where(labels.c.id > bindparam("after"))
    if until is not None:
        statement = statement.where(labels.c.id <= until)
    if limit is not None:
        statement = statement.limit(limit)
    return _read(c, statement, project=project, after=after)


def of_item(c: Connection, project: str, position: int) -> list[StoredLabel]:
    """Return every label of one item, in order."""
    return _read(c, _HISTORY.where(labels.c.position == bindparam("position")), project=project, position=position)


def of_items(c: Connection, project: str, positions: Sequence[int], until: int) -> dict[int, list[StoredLabel]]:
    """Return the labels of these items by position, in order, up to and including the id `until`."""
    by_position: dict[int, list[StoredLabel]] = {}
    for chunk in bulk.chunks(positions):
        statement = _HISTORY.where(labels.c.position.in_(chunk), labels.c.id <= until)
        for stored in _read(c, statement, project=project):
            by_position.setdefault(stored.position, []).append(stored)
    return by_position


def last(c: Connection, project: str) -> int:
    """Return the id of the newest label, 0 if there is none."""
    return int(c.execute(_LAST, {"project": project}).scalar_one())


def count(c: Connection, project: str, after: int = 0) -> int:
    """Return the number of labels with ids above `after`, without the data set's own."""
    return int(c.execute(_COUNT, {"project": project, "after": after}).scalar_one())


def pages(database: Database, project: str, size: int = 1000) -> Iterator[list[StoredLabel]]:
    """Yield the history as it is at the start, `size` labels at a time; no transaction stays open in between."""
    with database.read() as c:
        end = last(c, project)
    after = 0
    while after < end:
        with database.read() as c:
            page = since(c, project, after, until=end, limit=size)
        if not page:  # those of an unfinished import are not visible
            return
        yield page
        after = page[-1].id


def submission(c: Connection, project: str, key: str) -> Submission | None:
    """Return the submission stored under `key`, or None."""
    row = c.execute(_SUBMISSION, {"project": project, "key": key}).one_or_none()
    return None if row is None else Submission(row.digest, row.accepted)


def record_submission(c: Connection, project: str, key: str, digest: str, accepted: int, now: float) -> None:
    """Store that `key` was used. Raises Conflict if it was used before."""
    values = {"project": project, "key": key, "digest": digest, "accepted": accepted, "time": now}
    statement = bulk.upsert(c, submissions).values(values).on_conflict_do_nothing().returning(submissions.c.key)
    if c.execute(statement).one_or_none() is None:
        raise Conflict(f"the key {key!r} was used before")


def candidates_text(candidates: Sequence[str] | None) -> str | None:
    """Return a candidate set as the database stores it: a JSON list."""
    return None if candidates is None else json.dumps(candidates, ensure_ascii=False, separators=(",", ":"))


def _positions(c: Connection, project: str, ids: set[str]) -> dict[str, int]:
    positions = {id_: row.position for id_, row in items.by_ids(c, project, sorted(ids)).items()}
    missing = sorted(ids - positions.keys())
    if missing:
        raise NotFound(f"project {project!r} has no item {missing[0]!r}")
    return positions


def _read(c: Connection, statement: Select[Any], **parameters: object) -> list[StoredLabel]:
    result = c.execute(statement, parameters)
    # column by column: several times faster than reading names from each row
    columns = dict(zip(result.keys(), zip(*result.all(), strict=True), strict=False))
    if not columns:
        return []
    # few labels are distinct, so each is decoded once
    label = cache(_label)
    events = map(
        LabelEvent,
        columns["item"],
        columns["annotator"],
        map(label, columns["kind"], columns["candidates"], columns["value"]),
        columns["time"],
        columns["key"],
        columns["query"],
    )
    return list(map(StoredLabel, columns["id"], columns["position"], events))


def _label(kind: Kind, candidates: str | None, value: float | None) -> Label:
    return Label(
        candidates=None if candidates is None else tuple(json.loads(candidates)),
        value=value,
        skip=kind == "skip",
        retract=kind == "retract",
    )
