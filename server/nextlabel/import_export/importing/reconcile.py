"""Decides which labels of a file are new to the project: no label is ever stored twice.

There is one rule. An annotation with an id and a creation time is known by these, and is new if it
differs from what it was at the last import. Any other label is known by its item, annotator and content,
and by its time if the file gives one. A file may hold a label several times: it is stored
until the project has it as often.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from nextlabel.import_export.importing.rows import Fault, ImportRow, is_storable, shortened
from nextlabel.store.labels import DATASET, Label, LabelEvent

_LONGEST_NAME = 200


@dataclass
class Reconciler:
    """Decides for each row whether it is new. Call it in the order in which rows are stored."""

    present: int = 0
    """Rows that were stored before."""
    _times: dict[tuple[str, str, Label], list[float]] = field(default_factory=dict)
    """When each label was given, by item, annotator and content, without those that were matched to a row."""
    _annotations: dict[tuple[str, str], LabelEvent] = field(default_factory=dict)
    """The last label of each annotation, by its key and its item."""
    _current: dict[tuple[str, str], Label] = field(default_factory=dict)
    """The current label of each annotator and item, once all rows so far are stored."""
    _untimed: dict[tuple[str, str], Label] = field(default_factory=dict)
    """The last label that the file gives without a time, by annotator and item."""

    @classmethod
    def of(cls, history: Iterable[LabelEvent]) -> Reconciler:
        """Return one that knows all labels of a project."""
        reconciler = cls()
        for event in history:
            reconciler._times.setdefault((event.item, event.annotator, event.label), []).append(event.time)
            reconciler._apply(event)
        return reconciler

    @property
    def superseded(self) -> int:
        """How many labels of the file, given before, their annotators have changed since."""
        return sum(
            self._current.get(pair) != (None if label.retract else label) for pair, label in self._untimed.items()
        )

    def decide(self, row: ImportRow, item: str) -> LabelEvent | Fault | None:
        """Return the label to store, None if there is nothing new, or a fault."""
        assert row.event is not None
        event = replace(row.event, item=item)
        problem = _name_problem(event.annotator, "an annotator's name") or _name_problem(event.key, "a key")
        if problem:
            return row.fault(problem)
        known = self._annotations.get((event.key or "", item)) if row.annotation else None
        if known is not None:
            # files may name its annotator differently: one person must not become two
            event = replace(event, annotator=known.annotator)
            present = known.label == event.label
        elif row.unchanged:
            return None
        else:
            present = self._is_stored(event, timed=row.timed)
        if present:
            self.present += 1
            return None
        if event.annotator == DATASET and not row.timed:
            return row.fault(f"the annotator {DATASET!r} is the data set itself; choose another name")
        if event.label.retract and (event.annotator, item) not in self._current:
            return row.fault(f"there is no label by {event.annotator!r} on item {item!r} to retract")
        self._apply(event)
        return event

    def _is_stored(self, event: LabelEvent, *, timed: bool) -> bool:
        times = self._times.get((event.item, event.annotator, event.label), [])
        # each home folder stores the data set's own labels at a time of its own
        if timed and event.annotator != DATASET:
            if event.time in times:
                times.remove(event.time)
                return True
            return False
        pair = (event.annotator, event.item)
        if self._untimed.get(pair) == event.label:
            return True
        self._untimed[pair] = event.label
        if times:
            times.pop(0)
            return True
        return False

    def _apply(self, event: LabelEvent) -> None:
        if event.key is not None:
            self._annotations[event.key, event.item] = event
        if event.label.retract:
            self._current.pop((event.annotator, event.item), None)
        else:
            self._current[event.annotator, event.item] = event.label


def _name_problem(name: str | None, kind: str) -> str | None:
    if name is None:
        return None
    if len(name) > _LONGEST_NAME:
        return f"{kind} has at most {_LONGEST_NAME} characters, not {len(name)}"
    return None if is_storable(name) else f"{kind} holds characters that cannot be stored: {shortened(name)}"
