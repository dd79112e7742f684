"""What a file says, before it is known whether it makes sense here."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from nextlabel.store.labels import Kind, Label, LabelEvent

How = Literal["id", "file", "address"]
"""How an item is named: by its id alone, by id or path, or also by the last part of an address."""


@dataclass(frozen=True, slots=True)
class SaidLabel:
    """A label to store."""

    position: int
    annotator: str
    kind: Kind
    candidates: tuple[str, ...] | None
    value: float | None
    time: float
    """Seconds since the epoch."""
    key: str | None

    def event(self, item: str) -> LabelEvent:
        """Return it as an event of the item with this id."""
        label = Label(
            candidates=self.candidates, value=self.value, skip=self.kind == "skip", retract=self.kind == "retract"
        )
        return LabelEvent(item, self.annotator, label, self.time, self.key)


@dataclass(frozen=True, slots=True)
class Said:
    """The content of a label: `candidates` with that kind, `value` with that kind, neither with the others.

    `candidates` may be one text for a set, as in `cat|dog`: only the project's classes can tell.
    """

    kind: Kind
    candidates: tuple[str, ...] | None = None
    value: float | None = None
    written: str | None = None
    """A set as one text; `candidates` is then empty."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One label of a file, or one image of it."""

    line: int
    """Where it stands, from 1; 0 in a folder, where the item says it."""
    item: str
    how: How
    said: Said | None
    """None: the file only brings the image."""
    annotator: str | None = None
    time: float | None = None
    key: str | None = None
    order: int | None = None
    """Its place in the history it comes from, where the file is in another order."""
    image: str | None = None
    """Where the image lies, should the pool not have it."""
    standing: bool = False
    """It tells what stands at its source now, which its key names, and not what was said at one time."""
    exported: bool = False
    """What stands there is what nextlabel wrote."""

    def fault(self, reason: str) -> Fault:
        """Return why it cannot be taken, with its place."""
        return Fault(self.line, reason if self.line else f"{self.item}: {reason}")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a part of a file cannot be taken."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}" if self.line else self.reason


Found: TypeAlias = Entry | Fault


@dataclass(frozen=True)
class Reading:
    """How somebody wants a file to be read."""

    delimiter: str | None = None
    """Of a CSV; None: what its header shows."""
    question: str | None = None
    """The name of the Choices that hold the label, where a Label Studio project asks several things."""
    note: Callable[[str], None] = lambda _: None
    """Is told what a person should know of the file, though it is no fault."""


class NoSense(ValueError):
    """A part of a file that says nothing which could be a label; the text says why."""


KINDS = ("candidates", "label", "value", "skip", "retract")


def said_by(fields: Mapping[str, Any]) -> Said:
    """Return what an object with exactly one of candidates, label, value, skip and retract says; NoSense."""
    given = [name for name in KINDS if fields.get(name) is not None and fields[name] is not False]
    if len(given) != 1:
        told = f"it has {' and '.join(given)}" if given else "it has none of them"
        raise NoSense(f"say one of candidates (or label), value, skip and retract; {told}")
    (name,) = given
    value = fields[name]
    if name in {"candidates", "label"}:
        return said_set(value)
    if name == "value":
        return said_value(value)
    if value is not True:
        raise NoSense(f"{name} is true or left out, not {value!r}")
    return Said("skip" if name == "skip" else "retract")


def said_set(value: Any) -> Said:
    """Return a set given as a list of class names, or as one text; NoSense."""
    if isinstance(value, str):
        return Said("candidates", written=value)
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise NoSense(f"candidates are a list of class names, not {shortly(value)}")
    return Said("candidates", tuple(value))


def said_value(value: Any) -> Said:
    """Return a number; NoSense."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(_float(value)):
        raise NoSense(f"a value is a finite number, not {shortly(value)}")
    return Said("value", value=float(value))


def moment(value: Any) -> float | None:
    """Return a time as seconds since the epoch: a number, or a date as in ISO 8601 (UTC unless it says). NoSense."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            return float_time(float(value))
        except ValueError:
            pass
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            raise NoSense(
                f"{shortly(value)} is no time; write seconds since 1970, or a date as 2026-01-31T12:00:00Z"
            ) from None
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NoSense(f"{shortly(value)} is no time")
    return float_time(_float(value))


def float_time(value: float) -> float:
    """Return seconds since the epoch; NoSense where they are no moment at all."""
    if not math.isfinite(value):
        raise NoSense("a time must be finite")
    return value


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of JSON may have any size
        return math.inf


def name_of(value: Any, what: str) -> str | None:
    """Return an annotator's name or a key; None where there is none. NoSense."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise NoSense(f"{what} is a text, not {shortly(value)}")
    return value


def storable(name: str) -> bool:
    """Tell whether every database can keep a text."""
    return "\0" not in name and (name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name))


def shortly(value: Any, most: int = 60) -> str:
    """Return a value as it could stand in a message."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= most else text[: most - 1] + "…"


def beside(path: Path | None, name: str) -> str | None:
    """Return the path of a file below the folder `path`, None where it is not there or would lie elsewhere."""
    if path is None:
        return None
    found = path / name
    inside = found.is_file() and found.resolve().is_relative_to(path.resolve())
    return str(found) if inside else None
