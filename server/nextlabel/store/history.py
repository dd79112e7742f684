"""The history as it leaves one home folder and comes into another: who said what, when and under which key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from nextlabel.store import labels
from nextlabel.store.labels import Kind


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

    NotFound where a position has no item.
    """
    return labels.write(
        c,
        project,
        ((row.position, row.annotator, row.kind, row.candidates, row.value, row.time, row.key, None) for row in rows),
    )
