"""Temporary: the label types until the store has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from nextlabel.store import history, items
from nextlabel.store.history import SaidLabel
from nextlabel.store.labels import LabelRow


@dataclass(frozen=True, slots=True)
class Label:
    candidates: tuple[str, ...] | None = None
    value: float | None = None
    skip: bool = False
    retract: bool = False


@dataclass(frozen=True, slots=True)
class LabelEvent:
    item: str
    annotator: str
    label: Label
    time: float
    key: str | None = None
    query: str | None = None


def of_row(row: LabelRow) -> LabelEvent:
    label = Label(row.candidates, row.value, row.kind == "skip", row.kind == "retract")
    return LabelEvent(row.item, row.annotator, label, row.time, row.key, row.query)


def append_events(c: Connection, project: str, events: Sequence[LabelEvent]) -> None:
    known = items.by_ids(c, project, {event.item for event in events})
    rows = []
    for e in events:
        kind = (
            "candidates"
            if e.label.candidates is not None
            else "value"
            if e.label.value is not None
            else "skip"
            if e.label.skip
            else "retract"
        )
        rows.append(
            SaidLabel(known[e.item].position, e.annotator, kind, e.label.candidates, e.label.value, e.time, e.key)
        )
    history.restore(c, project, rows)
