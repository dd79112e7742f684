"""A project at one label of its history: what an export is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import numpy as np

from nextlabel.contracts.data import BoolArray
from nextlabel.contracts.errors import Gone, Unprocessable
from nextlabel.engine.browse.item_summary import summary
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.records import ItemSummary
from nextlabel.engine.services import Services
from nextlabel.import_export.safe_filenames import FileNames
from nextlabel.store import items, labels
from nextlabel.store.items import ItemRow
from nextlabel.store.labels import LabelEvent, StoredLabel

Written = tuple[Counter[str], list[str]]
"""How much was written, and what the format cannot say."""
_PAGE = 1000
_ENDINGS = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}
Voices = Mapping[str, tuple[str, ...] | float | None]
Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class Way:
    """How a folder is written."""

    everything: bool
    """Items of which nothing was ever said, too."""
    copy: bool
    """With the images, where the format does without."""
    prefix: str
    """What stands before the address of an image, where there is one."""


@dataclass(frozen=True)
class Item:
    """An item with all that was said of it."""

    row: ItemRow
    summary: ItemSummary
    history: tuple[StoredLabel, ...]
    voices: Voices
    """Who says what of it now: a set, a value, or None for a skip."""

    def standing(self, annotator: str) -> StoredLabel:
        """Return the label by which an annotator of `voices` says it."""
        return next(row for row in reversed(self.history) if row.event.annotator == annotator)


@dataclass(frozen=True)
class Snapshot:
    """Reads a project a page at a time; what is said meanwhile is left out."""

    services: Services
    config: ProjectConfig
    state: PoolState
    tell: Tell

    @property
    def name(self) -> str:
        """The project's."""
        return self.config.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Empty for regression."""
        return self.state.project.classes

    def said(self) -> Iterator[LabelEvent]:
        """Yield the history, oldest first."""
        last = self.state.labels.last
        for page in labels.pages(self.services.database, self.name):
            for row in page:
                if row.id > last:
                    return
                yield row.event
            self.tell(page[-1].id / last, f"{page[-1].id:,} labels")

    def items(self, *, everything: bool) -> Iterator[Item]:
        """Yield the items of which something was ever said, or all of them, in order."""
        wanted = np.arange(len(self.state)) if everything else np.flatnonzero(self._spoken_of)
        for start in range(0, len(wanted), _PAGE):
            positions = [int(position) for position in wanted[start : start + _PAGE]]
            with self.services.database.read() as connection:
                rows = items.by_positions(connection, self.name, positions)
                spoken = [position for position in positions if self._spoken_of[position]]
                said = labels.of_items(connection, self.name, spoken, self.state.labels.last)
            for position in positions:
                row = rows[position]
                current = self.state.labels.current_labels(position).items()
                voices = {
                    name: label.value if label.candidates is None else label.candidates for name, label in current
                }
                yield Item(row, summary(self.state, row), tuple(said.get(position, ())), voices)
            self.tell((start + len(positions)) / len(wanted), f"{start + len(positions):,} items")

    def image(self, row: ItemRow) -> bytes | None:
        """Return an item's image as it was given; None where its file is no longer there."""
        try:
            return self.services.pool(self.name).image(row)[0]
        except Gone:
            return None

    def needs_images(self, what: str) -> None:
        """Raise Unprocessable where the items are none."""
        kind = self.services.pool(self.name).kind
        if kind != "image":
            raise Unprocessable(f"{what} is of images, and project {self.name!r} holds {kind}s; valid: csv, jsonl")

    @cached_property
    def _spoken_of(self) -> BoolArray:
        mask = np.zeros(len(self.state), np.bool_)
        for page in labels.pages(self.services.database, self.name, 10_000):
            mask[[row.position for row in page if row.id <= self.state.labels.last]] = True
        return mask


def left_out(done: Counter[str], where: str) -> list[str]:
    """Return what to tell of the images counted as `gone`, whose labels are `where`."""
    gone = done["gone"]
    return [f"{gone:,} images can no longer be read, and are left out: their labels are {where}"] if gone else []


def file_name(names: FileNames, row: ItemRow) -> str:
    """Return the name an item's image gets in an export."""
    ending = _ENDINGS.get(row.media_type or "", "")
    has = ending and row.id.lower().endswith((ending, ".jpeg") if ending == ".jpg" else (ending,))
    return names.give(row.id.rpartition(".")[0] if has else row.id, ending)


def date(seconds: float) -> str | None:
    """Return a time as in ISO 8601, None for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return None
