"""Taking labels in: every fault named, nothing stored from a refused request."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256

from nextlabel.contracts.errors import Conflict, Unprocessable, suggest
from nextlabel.engine.labels.label_state import DATASET
from nextlabel.engine.labels.pool_state import LabelStateCache, PoolState
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.records import LabelInput
from nextlabel.engine.scheduling import queue_training_when_due
from nextlabel.store import items, labels, projects, queries
from nextlabel.store.database import Database
from nextlabel.store.items import ItemRow
from nextlabel.store.labels import NewLabel


def store_labels(
    database: Database,
    label_state: LabelStateCache,
    config: ProjectConfig,
    annotator: str,
    given: Sequence[LabelInput],
    key: str | None,
) -> int:
    """Store labels, all or none, and return how many; the same `key` with the same labels stores nothing again."""
    name, body = config.name, digest(annotator, given)
    with database.write() as connection:
        projects.lock(connection, name)
        before = labels.submission(connection, name, key) if key is not None else None
        if before is not None:
            if before.digest != body:
                raise Conflict(
                    f"the key {key!r} was used before with other labels; use a fresh key for each submission"
                )
            return before.accepted
        known = items.by_ids(connection, name, [label.id for label in given])
        with label_state.current(connection) as state:
            accepted = check_labels(annotator, given, known, state)
        now = time.time()
        if accepted:
            labels.append(connection, name, annotator, accepted, now, key)
            queries.release(connection, name, annotator, [label.position for label in accepted])
            queue_training_when_due(connection, name, config.train.every)
        if key is not None:
            labels.record_submission(connection, name, key, body, len(accepted), now)
    return len(accepted)


def check_labels(
    annotator: str, given: Sequence[LabelInput], known: Mapping[str, ItemRow], state: PoolState
) -> list[NewLabel]:
    """Return the labels to store; Unprocessable lists every fault."""
    faults = [f"the annotator {DATASET!r} is the data set itself; choose another name"] if annotator == DATASET else []
    spoken = state.labels.spoken(annotator)
    accepted = []
    for number, label in enumerate(given):
        reasons = _faults(label, known, state, spoken)
        faults += [f"labels[{number}]: {reason}" for reason in reasons]
        if reasons:
            continue
        position = known[label.id].position
        if label.retract:
            spoken.discard(position)
            accepted.append(NewLabel(position, "retract"))
            continue
        spoken.add(position)
        if label.skip:
            accepted.append(NewLabel(position, "skip"))
        elif label.candidates is not None:
            order = {name: place for place, name in enumerate(state.project.classes)}
            accepted.append(NewLabel(position, "candidates", tuple(sorted(label.candidates, key=order.__getitem__))))
        else:
            accepted.append(NewLabel(position, "value", value=label.value))
    if faults:
        raise Unprocessable(f"{len(faults)} of the labels cannot be stored; none was: {faults[0]}", faults)
    return accepted


def digest(annotator: str, given: Sequence[LabelInput]) -> str:
    """Return what tells one submission's body from another's."""
    body = [annotator, [[v.id, v.candidates, v.value, v.skip, v.retract] for v in given]]
    return sha256(json.dumps(body).encode()).hexdigest()


def _faults(label: LabelInput, known: Mapping[str, ItemRow], state: PoolState, spoken: set[int]) -> list[str]:
    if label.id not in known:
        return [f"there is no item {label.id!r}"]
    if (label.candidates is not None) + (label.value is not None) + label.skip + label.retract != 1:
        return ["say one of candidates, value, skip and retract"]
    if label.retract and known[label.id].position not in spoken:
        return [f"there is no label of yours on item {label.id!r} to retract"]
    if label.candidates is not None:
        return _set_faults(label.candidates, state.project.classes)
    return [] if label.value is None else _value_faults(label.value, state.project.classes)


def _value_faults(value: float, classes: Sequence[str]) -> list[str]:
    if classes:
        return ["this project takes candidates, not values"]
    return [] if math.isfinite(value) else ["a value must be finite"]


def _set_faults(candidates: Sequence[str], classes: Sequence[str]) -> list[str]:
    if not classes:
        return ["this project takes values, not candidates"]
    if not candidates:
        return ["a candidate set needs at least one class; to say nothing, skip"]
    unknown = [f"no class {name!r}; {suggest(name, classes)}" for name in candidates if name not in classes]
    repeated = len(set(candidates)) < len(candidates)
    return unknown + (["a class stands twice in the candidates"] if repeated else [])
