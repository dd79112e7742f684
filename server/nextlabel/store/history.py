"""The history as it leaves one home folder and comes into another: who said what, when and under which key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from nextlabel.contracts.errors import Unknown
from nextlabel.store import bulk, labels, projects
from nextlabel.store.labels import Kind
from nextlabel.store.schema import labels as _labels


@dataclass(frozen=True, slots=True)
class SaidLabel:
    """A label with everything that was true of it where it was said."""

    position: int
    annotator: str
    kind: Kind
    candidates: tuple[str, ...] | None
    value: float | None
    time: float
    """Seconds since the epoch."""
    key: str | None


def restore(c: Connection, project: str, rows: Sequence[SaidLabel]) -> int:
    """Add labels in order, each by its own annotator, at its own time; return the last id of the project.

    Unknown where a position has no item.
    """
    projects.lock(c, project)
    start = labels.last(c, project)
    texts: dict[tuple[str, ...] | None, str | None] = {None: None}
    values = []
    for id_, row in enumerate(rows, start + 1):
        if row.candidates not in texts:
            texts[row.candidates] = json.dumps(row.candidates, ensure_ascii=False, separators=(",", ":"))
        said = (row.kind, texts[row.candidates], row.value, row.time, row.key, None)
        values.append((project, id_, row.position, row.annotator, *said))
    try:
        bulk.insert(c, _labels, values)
    except IntegrityError as error:
        raise Unknown(f"a label of project {project!r} is of an item that does not exist") from error
    return start + len(values)
