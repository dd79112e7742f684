"""The labels of one project. A submission with any invalid label is rejected as a whole, with a reason for each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from hashlib import sha256

from nextlabel.contracts.errors import Conflict, Unprocessable, suggest
from nextlabel.engine.labels.pool_state import LabelStateCache
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.scheduling import queue_training_when_due
from nextlabel.store import items, labels, queries
from nextlabel.store.database import Database
from nextlabel.store.labels import DATASET, Label, LabelEvent
from nextlabel.store.projects import ProjectRow

SubmittedLabel = tuple[str, Label | Unprocessable]
"""An item's id, and a label for it or the error that its content raised."""


class LabelService:
    """Submits and reads labels. `row` returns the imported project, or raises NotReady.

    `label_state` returns the cached label state of an imported project.
    """

    def __init__(
        self,
        database: Database,
        label_state: Callable[[ProjectRow], LabelStateCache],
        config: ProjectConfig,
        row: Callable[[], ProjectRow],
    ) -> None:
        self._database = database
        self._label_state = label_state
        self._config = config
        self._row = row

    def submit(self, annotator: str, submitted: Sequence[SubmittedLabel], key: str | None = None) -> int:
        """Store labels, each with its item's id, all or none, and return how many.

        They are on disk when this returns. The same `key` with the same labels stores nothing and
        returns the same number; with other labels it raises Conflict.
        """
        row = self._row()
        label_state = self._label_state(row)
        name, body = self._config.name, _digest(annotator, submitted)
        with self._database.read() as connection, label_state.current(connection):
            pass  # others may have stored many labels; read them now, when nobody waits
        with self._database.read() as connection:  # before the write, so that others wait less; positions never change
            rows = items.by_ids(connection, name, [item for item, _ in submitted])
        positions = {item: row.position for item, row in rows.items()}
        with self._database.write() as connection:
            earlier = labels.submission(connection, name, key) if key is not None else None
            if earlier is not None:
                if earlier.digest != body:
                    raise Conflict(
                        f"the key {key!r} was used before with other labels; use a new key for each submission"
                    )
                return earlier.accepted
            with label_state.current(connection) as state:
                known = state.labels.positions_labelled_by(annotator)
                labelled = {position for position in positions.values() if position in known}
            accepted = _check_labels(annotator, submitted, positions, labelled, row.classes)
            now = time.time()
            if accepted:
                events = [LabelEvent(item, annotator, label, now, key) for item, label in accepted]
                labels.append(connection, name, events, positions)
                queries.release(connection, name, annotator, [positions[item] for item, _ in accepted])
                queue_training_when_due(connection, name, self._config.train.every)
            if key is not None:
                labels.record_submission(connection, name, key, body, len(accepted), now)
        return len(accepted)

    def history(self) -> Iterator[LabelEvent]:
        """Return every label ever stored, oldest first, read one page at a time."""
        self._row()
        pages = labels.pages(self._database, self._config.name)
        return (stored.event for page in pages for stored in page)


def _check_labels(
    annotator: str,
    submitted: Sequence[SubmittedLabel],
    positions: Mapping[str, int],
    labelled: set[int],
    classes: tuple[str, ...],
) -> list[tuple[str, Label]]:
    """Return the labels with candidates in class order. Raises Unprocessable with the reasons for all invalid ones.

    `positions` maps the ids of existing items to their positions; `labelled` holds those that the
    annotator has labelled, and is updated.
    """
    faults = [f"the annotator {DATASET!r} is the data set itself; choose another name"] if annotator == DATASET else []
    order = {name: number for number, name in enumerate(classes)}
    accepted: list[tuple[str, Label]] = []
    for number, (item, label) in enumerate(submitted):
        reasons = _faults(item, label, positions, labelled, classes)
        faults += [f"labels[{number}]: {reason}" for reason in reasons]
        if reasons or isinstance(label, Unprocessable):
            continue
        if label.retract:
            labelled.discard(positions[item])
        else:
            labelled.add(positions[item])
        if label.candidates is None:
            accepted.append((item, label))
        else:
            ordered = tuple(sorted(label.candidates, key=order.__getitem__))
            accepted.append((item, replace(label, candidates=ordered)))
    if faults:
        raise Unprocessable(f"{len(faults)} of the labels cannot be stored, so none was stored: {faults[0]}", faults)
    return accepted


def _digest(annotator: str, submitted: Sequence[SubmittedLabel]) -> str:
    """Return a digest of a submission's body; it covers every field of the labels."""
    contents = [[item, *(astuple(label) if isinstance(label, Label) else [str(label)])] for item, label in submitted]
    return sha256(json.dumps([annotator, contents]).encode()).hexdigest()


def _faults(
    item: str,
    label: Label | Unprocessable,
    positions: Mapping[str, int],
    labelled: set[int],
    classes: tuple[str, ...],
) -> list[str]:
    """Return why a label cannot be stored; empty if it can. `labelled` holds the annotator's labelled positions."""
    if item not in positions:
        return [f"there is no item {item!r}"]
    if isinstance(label, Unprocessable):
        return [str(label)]
    if label.retract and positions[item] not in labelled:
        return [f"there is no label of yours on item {item!r} to retract"]
    if label.candidates is not None and not classes:  # without classes, it is a regression
        return ["this project takes values, not candidates"]
    if label.value is not None and classes:
        return ["this project takes candidates, not values"]
    return [f"no class {name!r}; {suggest(name, classes)}" for name in label.candidates or () if name not in classes]
