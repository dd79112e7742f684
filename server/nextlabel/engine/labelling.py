"""Taking labels in: every fault named, nothing stored from a refused request."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from hashlib import sha256

from nextlabel.contracts.errors import Unprocessable, suggest
from nextlabel.engine.answers import LabelInput
from nextlabel.engine.state import PoolState
from nextlabel.store.items import ItemRow
from nextlabel.store.labels import NewLabel
from nextlabel.store.targets import DATASET


def check_labels(
    annotator: str, given: Sequence[LabelInput], known: Mapping[str, ItemRow], state: PoolState
) -> list[NewLabel]:
    """Return the labels to store; Unprocessable lists every fault."""
    faults = [f"the annotator {DATASET!r} is the data set itself; choose another name"] if annotator == DATASET else []
    spoken = {row.position for row in known.values() if annotator in state.labels.voices(row.position)}
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


def digest(annotator: str, labels: Sequence[LabelInput]) -> str:
    """Return what tells one submission's body from another's."""
    body = [annotator, [[v.id, v.candidates, v.value, v.skip, v.retract] for v in labels]]
    return sha256(json.dumps(body).encode()).hexdigest()


def _faults(label: LabelInput, known: Mapping[str, ItemRow], state: PoolState, spoken: set[int]) -> list[str]:
    if label.id not in known:
        return [f"there is no item {label.id!r}"]
    if label.retract and known[label.id].position not in spoken:
        return [f"there is no label of yours on item {label.id!r} to retract"]
    classes = state.project.classes
    if label.candidates is not None:
        return _set_faults(label.candidates, classes)
    if label.value is not None and classes:
        return ["this project takes candidates, not values"]
    if label.value is not None and not math.isfinite(label.value):
        return ["a value must be finite"]
    return []


def _set_faults(candidates: Sequence[str], classes: Sequence[str]) -> list[str]:
    if not classes:
        return ["this project takes values, not candidates"]
    if not candidates:
        return ["a candidate set needs at least one class; to say nothing, skip"]
    unknown = [f"no class {name!r}; {suggest(name, classes)}" for name in candidates if name not in classes]
    repeated = len(set(candidates)) < len(candidates)
    return unknown + (["a class stands twice in the candidates"] if repeated else [])
