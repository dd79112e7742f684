"""Submits labels: a request with any invalid label is rejected as a whole, with a reason for each."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from hashlib import sha256

from nextlabel.contracts.errors import Conflict, Unprocessable, suggest
from nextlabel.engine.labels.label_state import DATASET
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.scheduling import queue_training_when_due
from nextlabel.engine.services import Services
from nextlabel.store import items, labels, projects, queries
from nextlabel.store.labels import Label, LabelEvent
from nextlabel.store.projects import ProjectRow

ItemLabel = tuple[str, Label]
"""An item's id and a label for it."""


def submit_labels(
    services: Services,
    config: ProjectConfig,
    row: ProjectRow,
    annotator: str,
    submitted: Sequence[ItemLabel],
    key: str | None,
) -> int:
    """Store labels, all or none, and return how many; the same `key` with the same labels stores nothing again."""
    name, body, label_state = config.name, digest(annotator, submitted), services.label_state(row)
    with services.database.write() as connection:
        projects.lock(connection, name)
        earlier = labels.submission(connection, name, key) if key is not None else None
        if earlier is not None:
            if earlier.digest != body:
                raise Conflict(
                    f"the key {key!r} was used before with other labels; use a fresh key for each submission"
                )
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
    annotator: str, submitted: Sequence[ItemLabel], positions: Mapping[str, int], state: PoolState
) -> list[ItemLabel]:
    """Return the labels with candidates in class order. Raises Unprocessable with the reasons for all invalid ones.

    `positions` maps the ids of existing items to their positions.
    """
    faults = [f"the annotator {DATASET!r} is the data set itself; choose another name"] if annotator == DATASET else []
    labelled = state.labels.positions_labelled_by(annotator)
    order = {name: number for number, name in enumerate(state.project.classes)}
    accepted = []
    for number, (item, label) in enumerate(submitted):
        reasons = _faults(item, label, positions, state, labelled)
        faults += [f"labels[{number}]: {reason}" for reason in reasons]
        if reasons:
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
        raise rejection(faults)
    return accepted


def rejection(faults: Sequence[str]) -> Unprocessable:
    """Return the error of a request whose labels have these faults."""
    return Unprocessable(f"{len(faults)} of the labels cannot be stored; none was: {faults[0]}", faults)


def digest(annotator: str, submitted: Sequence[ItemLabel]) -> str:
    """Return a digest of a submission's body; it covers every field of the labels."""
    names = [field.name for field in fields(Label)]
    body = [annotator, [[item, *(getattr(label, name) for name in names)] for item, label in submitted]]
    return sha256(json.dumps(body).encode()).hexdigest()


def _faults(item: str, label: Label, positions: Mapping[str, int], state: PoolState, labelled: set[int]) -> list[str]:
    classes = state.project.classes
    if item not in positions:
        return [f"there is no item {item!r}"]
    if label.retract and positions[item] not in labelled:
        return [f"there is no label of yours on item {item!r} to retract"]
    if label.candidates is not None:
        if not classes:
            return ["this project takes values, not candidates"]
        return [f"no class {name!r}; {suggest(name, classes)}" for name in label.candidates if name not in classes]
    if label.value is not None and classes:
        return ["this project takes candidates, not values"]
    return []
