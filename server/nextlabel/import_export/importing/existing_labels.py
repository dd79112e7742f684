"""What was said of a project before an import: whether a label is there, and what a source said last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

from nextlabel.import_export.importing.import_rows import SaidLabel
from nextlabel.store import labels
from nextlabel.store.database import Database


@dataclass
class Before:
    """The history up to a label, read when it is first asked for; in memory a few bytes a label."""

    database: Database
    project: str
    last: int
    """The number of that label."""
    _present: dict[bool, Counter[bytes]] = field(default_factory=dict)

    def has(self, row: SaidLabel, *, timed: bool) -> bool:
        """Tell whether a label is there, each time it is asked one less: what was said twice is there twice.

        Not `timed`: known by its key, whenever it was said.
        """
        if not timed and row.key is None:
            return False
        if timed not in self._present:
            self._present[timed] = Counter(_name(said, timed=timed) for said in self._said() if timed or said.key)
        there, name = self._present[timed], _name(row, timed=timed)
        if there[name] > 0:
            there[name] -= 1
            return True
        return False

    def told(self, row: SaidLabel) -> object:
        """Return what the source, the label's key, said last of the item as this annotator; None: nothing yet."""
        return self._told.get(_source(row))

    def note(self, row: SaidLabel) -> None:
        """Take note of what a source says now."""
        self._told[_source(row)] = content(row)

    @cached_property
    def _told(self) -> dict[bytes, object]:
        return {_source(row): content(row) for row in self._said() if row.key is not None}

    def _said(self) -> Iterator[SaidLabel]:
        for page in labels.pages(self.database, self.project, 10_000):
            for row in page:
                if row.id > self.last:
                    return
                event, label = row.event, row.event.label
                said = (event.annotator, label.kind, label.candidates, label.value, event.time, event.key)
                yield SaidLabel(row.position, *said)


def content(row: SaidLabel) -> object:
    """Return what stands once a label is stored: None after it was taken back."""
    if row.kind in {"skip", "retract"}:
        return "skip" if row.kind == "skip" else None
    return row.candidates if row.kind == "candidates" else row.value


def _source(row: SaidLabel) -> bytes:
    return _digest((row.position, row.annotator, row.key))


def _name(row: SaidLabel, *, timed: bool) -> bytes:
    said = (row.position, row.annotator, row.kind, row.candidates, row.value, row.time if timed else None, row.key)
    return _digest(said)


def _digest(said: tuple[object, ...]) -> bytes:
    return blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=16).digest()
