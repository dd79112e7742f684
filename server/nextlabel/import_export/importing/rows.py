"""The rows of an import: what a reader yields before it is known which items they are about."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from json import dumps
from pathlib import Path
from typing import Any

from nextlabel.contracts.errors import Unprocessable
from nextlabel.store.labels import LabelEvent


@dataclass(frozen=True)
class ImportOptions:
    """The source of an import, and the user's options."""

    path: Path
    annotator: str
    """The annotator of labels that name none."""
    format: str | None = None
    """None: detect it."""
    images: Path | None = None
    """A folder with images that the pool does not have."""
    key: str | None = None
    """The key of labels that have neither time nor key."""
    delimiter: str | None = None
    """The delimiter of a CSV file; None: detect it."""
    question: str | None = None
    """The question to read, if a Label Studio project has several."""
    skip_faulty: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class ReadContext:
    """The project and the user's options, as a reader sees them."""

    project: str
    classes: tuple[str, ...]
    """Empty for regression."""
    options: ImportOptions
    now: float
    """The time of labels that have none, in seconds since the epoch."""
    note: Callable[[str], None]
    """Takes a sentence for the user about the file that is no fault."""

    @cached_property
    def class_order(self) -> dict[str, int]:
        """The index of each class, by its name."""
        return {name: index for index, name in enumerate(self.classes)}


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One label of a file, or one image of it."""

    location: str
    """The place in the file, for messages; empty if the item's name shows it."""
    event: LabelEvent | None
    """The label, with an empty `item`; None if the row only brings an image."""
    id: str | None = None
    """The item's id, if the file gives one."""
    files: tuple[str, ...] = ()
    """Names of the item's image as the file may mean it. All that are known must lead to one item."""
    image: Path | None = None
    """The image itself, if the file is beside it."""
    timed: bool = False
    """Whether the file gives the label's time."""
    annotation: bool = False
    """Whether the event's key identifies an annotation, which may change from one import to the next."""
    unchanged: bool = False
    """Whether the annotation is still what nextlabel exported."""
    order: int | None = None
    """The label's number in the history it was exported from, if the file is in another order."""

    @property
    def name(self) -> str:
        """Return what the file calls the item."""
        return self.id if self.id is not None else self.files[0] if self.files else ""

    def fault(self, reason: str) -> Fault:
        """Return a fault of this row."""
        return Fault(self.location, reason) if self.location else Fault(self.name, reason)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a part of a file cannot be imported."""

    location: str
    reason: str

    def __str__(self) -> str:
        return f"{self.location}: {self.reason}" if self.location else self.reason


def in_order(rows: list[ImportRow | Fault]) -> list[ImportRow | Fault]:
    """Return rows in the order of the history they were exported from, then those without a number by time."""

    def key(row: ImportRow | Fault) -> tuple[float, float]:
        if isinstance(row, Fault):
            return -1, 0
        if row.order is not None:
            return row.order, 0
        return math.inf, row.event.time if row.event is not None and row.timed else 0

    return sorted(rows, key=key)


def parse_time(value: Any) -> float | None:
    """Return a time in seconds since the epoch, from a number or an ISO 8601 date (UTC unless it has an offset).

    None if there is none. Raises Unprocessable.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return _parse_date(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unprocessable(f"{shortened(value)} is not a time")
    if not is_finite(value):
        raise Unprocessable("a time must be finite")
    return float(value)


def _parse_date(text: str) -> float:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise Unprocessable(
            f"{shortened(text)} is not a time; write seconds since 1970, or a date such as 2026-01-31T12:00:00Z"
        ) from None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def is_finite(value: float) -> bool:
    """Return whether a number is finite as a float; a whole number in JSON may have any size."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def parse_text(value: Any, name: str) -> str | None:
    """Return an annotator's name, a key or an id; None if there is none. Raises Unprocessable."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Unprocessable(f"{name} must be text, not {shortened(value)}")
    return value


def is_storable(text: str) -> bool:
    """Return whether every database can store a text."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text))


def shortened(value: Any, longest: int = 60) -> str:
    """Return a value as JSON, cut for a message."""
    text = dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def image_below(folder: Path, name: Any) -> Path | None:
    """Return the file `name` below `folder`; None if it does not exist or is outside."""
    if not isinstance(name, str):
        return None
    path = folder / name
    return path if path.is_file() and path.resolve().is_relative_to(folder.resolve()) else None
