"""A project at one label of its history, as the writers read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal, TypeVar

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

T = TypeVar("T")
Progress = Callable[[float, str], None]
"""Takes the share that is done, 0..1, and a few words."""
_PAGE = 1000
_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}


@dataclass(frozen=True)
class WriteOptions:
    """How an export is written. A format ignores what does not apply to it."""

    resolved: bool = False
    """One row per item instead of the history."""
    everything: bool = False
    """Items that were never labelled, too."""
    predictions: bool = False
    """The live model's predictions in each resolved row."""
    copy_images: bool = False
    """The images too, for a format that can do without."""
    image_prefix: str = ""
    """The beginning of each image address."""
    checkpoint: str | None = None
    """The checkpoint to write; None: the live one."""


@dataclass
class Exported:
    """The result of an export."""

    items: int | None = None
    labels: int | None = None
    images: int | None = None
    checkpoint: str | None = None
    notes: list[str] = field(default_factory=list)
    """Notes for the user, such as the labels that the format cannot express."""


@dataclass(frozen=True)
class ExportItem:
    """An item with its whole history."""

    row: ItemRow
    summary: ItemSummary
    history: tuple[StoredLabel, ...]

    @cached_property
    def current(self) -> Mapping[str, StoredLabel]:
        """Each annotator's current label, by the annotator's name, in order; retracted ones are left out."""
        latest = {stored.event.annotator: stored for stored in self.history}
        return {annotator: stored for annotator, stored in sorted(latest.items()) if not stored.event.label.retract}


@dataclass(frozen=True)
class Snapshot:
    """Reads a project a page at a time. Labels stored after the first access are left out."""

    services: Services
    config: ProjectConfig
    progress: Progress = lambda *_: None

    @property
    def name(self) -> str:
        """The project's name."""
        return self.config.name

    @property
    def classes(self) -> tuple[str, ...]:
        """The project's classes; empty for regression."""
        return self._state.project.classes

    def history(self) -> Iterator[LabelEvent]:
        """Yield every label, oldest first."""
        for stored in self._labels():
            yield stored.event
            if stored.id % _PAGE == 0:
                self.progress(stored.id / self._state.labels.last, f"{stored.id:,} labels")

    def items(self, *, everything: bool) -> Iterator[ExportItem]:
        """Yield the items that were ever labelled, or all, in order."""
        positions = list(range(len(self._state))) if everything else sorted({row.position for row in self._labels()})
        for start in range(0, len(positions), _PAGE):
            page = positions[start : start + _PAGE]
            with self.services.database.read() as connection:
                rows = items.by_positions(connection, self.name, page)
                histories = labels.of_items(connection, self.name, page, self._state.labels.last)
            for position in page:
                row = rows[position]
                yield ExportItem(row, summary(self._state, row), tuple(histories.get(position, ())))
            self.progress((start + len(page)) / len(positions), f"{start + len(page):,} items")

    def image(self, row: ItemRow) -> bytes | None:
        """Return an item's original image; None if its file no longer exists."""
        try:
            return self.services.pool(self.name).image(row)[0]
        except Gone:
            return None

    def require_images(self, format_name: str) -> None:
        """Raise Unprocessable if the items are no images."""
        kind = self.services.pool(self.name).kind
        if kind != "image":
            raise Unprocessable(
                f"{format_name} is for images, but project {self.name!r} holds {kind}s; use csv or jsonl"
            )

    def _labels(self) -> Iterator[StoredLabel]:
        last = self._state.labels.last
        for page in labels.pages(self.services.database, self.name, 10 * _PAGE):
            yield from (row for row in page if row.id <= last)

    @cached_property
    def _state(self) -> PoolState:
        return self.services.state(self.services.row(self.name))


def counted(rows: Iterable[T], exported: Exported, unit: Literal["items", "labels"]) -> Iterator[T]:
    """Yield rows, and count them in `exported`."""
    setattr(exported, unit, 0)
    for number, row in enumerate(rows, 1):
        setattr(exported, unit, number)
        yield row


def unreadable_note(count: int, labels_are: str) -> list[str]:
    """Return a note on images whose files can no longer be read; `labels_are` locates their labels."""
    if not count:
        return []
    return [f"{count:,} images can no longer be read, and are left out: their labels are {labels_are}"]


def image_file_name(names: FileNames, row: ItemRow) -> str:
    """Return the file name of an item's image in an export."""
    suffix = _SUFFIXES.get(row.media_type or "", "")
    has_suffix = suffix and row.id.lower().endswith((suffix, ".jpeg") if suffix == ".jpg" else suffix)
    return names.unique(row.id.rpartition(".")[0] if has_suffix else row.id, suffix)


def iso_date(seconds: float) -> str | None:
    """Return a time as an ISO 8601 date; None if it is outside the calendar."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return None
