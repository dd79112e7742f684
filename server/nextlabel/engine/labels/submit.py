"""Submits labels: a request with any invalid label is rejected as a whole, with a reason for each."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from hashlib import sha256

from nextlabel.contracts.errors import Conflict, Unprocessable, suggest
from nextlabel.engine.labels.label_state import DATASET
from nextlabel.engine.labels.pool_state import LabelStateCache, PoolState
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.scheduling import queue_training_when_due
from nextlabel.store import items, labels, projects, queries
from nextlabel.store.database import Database
from nextlabel.store.labels import Label, LabelEvent

SubmittedLabel = tuple[str, Label | Unprocessable]
"""An item's id, and a label for it or the error that its content raised."""


def submit_labels(
    database: Database,
    label_state: LabelStateCache,
    config: ProjectConfig,
    annotator: str,
    submitted: Sequence[SubmittedLabel],
    key: str | None,
) -> int:
    """Store labels, all or none, and return how many; the same `key` with the same labels stores nothing again."""
    name, body = config.name, digest(annotator, submitted)
    with database.write() as connection:
        projects.lock(connection, name)
        earlier = labels.submission(connection, name, key) if key is not None else None
        if earlier is not None:
            if earlier.digest != body:
                raise Conflict(f"the key {key!r} was used before with other labels; use a new key for each submission")
            return earlier.accepted
        positions = {
            id_: item.position for id_, item in items.by_ids(connection, name, [id_ for id_, _ in submitted]).items()
        }
        with label_state.current(connection) as state:
            accepted = check_labels(annotator, submitted, positions, state)
        now = time.time()
        if accepted:
            events = [LabelEvent(item, annotator, label, now, key) for item, label in accepted]
            labels.append(connection, name, events, positions)
            queries.release(connection, name, annotator, [positions[item] for item, _ in accepted])
            queue_training_when_due(connection, name, config.train.every)
        if key is not None:
            labels.record_submission(connection, name, key, body, len(accepted), now)
    return len(accepted)


def check_labels(
    annotator: str, submitted: Sequence[SubmittedLabel], positions: Mapping[str, int], state: PoolState
) -> list[tuple[str, Label]]:
    """Return the labels with candidates in class order. Raises Unprocessable with the reasons for all invalid ones.

    `positions` maps the ids of existing items to their positions.
    """
    faults = [f"the annotator {DATASET!r} is the data set itself; choose another name"] if annotator == DATASET else []
    labelled = state.labels.positions_labelled_by(annotator)
    order = {name: number for number, name in enumerate(state.project.classes)}
    accepted: list[tuple[str, Label]] = []
    for number, (item, label) in enumerate(submitted):
        reasons = _faults(item, label, positions, state, labelled)
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


def digest(annotator: str, submitted: Sequence[SubmittedLabel]) -> str:
    """Return a digest of a submission's body; it covers every field of the labels."""
    body = [annotator, [[item, *_content(label)] for item, label in submitted]]
    return sha256(json.dumps(body).encode()).hexdigest()


def _content(label: Label | Unprocessable) -> Iterator[object]:
    if isinstance(label, Unprocessable):
        return iter([str(label)])
    return (getattr(label, field.name) for field in fields(label))


def _faults(
    item: str,
    label: Label | Unprocessable,
    positions: Mapping[str, int],
    state: PoolState,
    labelled: set[int],
) -> list[str]:
    """Return why a label cannot be stored; empty if it can. `labelled` holds the annotator's labelled positions."""
    if item not in positions:
        return [f"there is no item {item!r}"]
    if isinstance(label, Unprocessable):
        return [str(label)]
    if label.retract and positions[item] not in labelled:
        return [f"there is no label of yours on item {item!r} to retract"]
    return _task_faults(label, state.project.classes)


def _task_faults(label: Label, classes: Sequence[str]) -> list[str]:
    """Return why a label does not fit a project with these classes; none: it is a regression."""
    if label.candidates is not None:
        if not classes:
            return ["this project takes values, not candidates"]
        return [f"no class {name!r}; {suggest(name, classes)}" for name in label.candidates if name not in classes]
    if label.value is not None and classes:
        return ["this project takes candidates, not values"]
    return []
