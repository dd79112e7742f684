"""Imports labels and images: checks everything first, then stores it in batches.

Each write is a short transaction, so that a running server continues. If a crash interrupts an import,
import the same file again: what is stored already is not stored twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from nextlabel.contracts.errors import Unprocessable, suggest
from nextlabel.engine.project import Project
from nextlabel.engine.scheduling import queue_training_when_due
from nextlabel.engine.services import Services
from nextlabel.import_export.format import Format
from nextlabel.import_export.importing.item_matching import ItemMatcher, read_unchanged
from nextlabel.import_export.importing.reconcile import Reconciler
from nextlabel.import_export.importing.rows import Fault, ImportOptions, ImportRow, ReadContext
from nextlabel.import_export.registry import READABLE
from nextlabel.import_export.text_files import top_level
from nextlabel.store import items, labels, queries
from nextlabel.store.file_lock import file_lock
from nextlabel.store.labels import LabelEvent

MOST_LISTED = 20
"""Faults that are listed; the rest are counted."""
_BATCH = 2000
"""Labels that one transaction stores."""
_IMAGES = 32
_CHECKED = 0.7
"""The share of the work that is done when everything is checked."""
Progress = Callable[[float, str], None]
"""Takes the share that is done, 0..1, and a few words."""


@dataclass
class Imported:
    """The result of an import."""

    format: str
    labels: int = 0
    """Labels that were stored."""
    present: int = 0
    """Labels that were stored before."""
    images: int = 0
    """Images that were added to the pool."""
    faulty: int = 0
    """Parts of the file that were left out."""
    faults: list[str] = field(default_factory=list)
    """The reasons for the first of them, each with its place in the file."""
    notes: list[str] = field(default_factory=list)

    def add_fault(self, fault: Fault) -> None:
        """Count a fault, and list it if it is one of the first."""
        self.faulty += 1
        if len(self.faults) < MOST_LISTED:
            self.faults.append(str(fault))


def import_file(services: Services, project: Project, options: ImportOptions, progress: Progress) -> Imported:
    """Store the labels and images of a file or folder: all or none, unless `skip_faulty`.

    Raises Unprocessable with the first faults, BadRequest if the file cannot be read at all, and Conflict if
    another import into the project is running: neither would see what the other stores.
    """
    row = services.row(project.config.name)
    form, path = detect_format(options.path, options.format)
    result = Imported(form.name)
    context = ReadContext(row.name, row.classes, options, time.time(), result.notes.append)
    matcher = ItemMatcher(services, row.name, options.images)
    lock = services.home.root / f"import-{row.name}.lock"
    with file_lock(lock, f"another import into project {row.name!r} is running; try again when it has ended"):
        progress(0.0, "reading")
        assert form.read is not None
        rows = list(form.read(path, context))
        progress(_CHECKED / 2, f"checking {len(rows):,} rows")
        events = _new_events(rows, matcher, _reconciler(services, row.name), result)
        if result.faulty and not options.skip_faulty:
            raise _refusal(result)
        result.labels, result.images = len(events), len(matcher.new_images)
        if not options.dry_run:
            _add_images(project, matcher, progress)
            _store(services, project, events, progress)
    return result


def detect_format(path: Path, name: str | None) -> tuple[Format, Path]:
    """Return the format to read a path as, and the file or folder to read.

    Raises Unprocessable if the format is unknown or cannot be detected.
    """
    if name is not None and name not in READABLE:
        raise Unprocessable(f"no format {name!r}; {suggest(name, list(READABLE))}")
    formats = [form for form in READABLE.values() if name in {None, form.name}]
    if not path.exists():
        raise Unprocessable(f"there is no file {path}")
    if path.is_dir():
        for form in formats:
            if form.document is not None and (path / form.document).is_file():
                return form, path / form.document
    formats = [form for form in formats if form.reads_folder == path.is_dir()]
    if not formats:
        raise Unprocessable(f"{path} is a {'folder' if path.is_dir() else 'file'}, which {name} does not read")
    if name is None and path.is_file():
        formats = _by_content(path, [form for form in formats if path.suffix.lower() in form.suffixes])
    return formats[0], path


def _by_content(path: Path, formats: list[Format]) -> list[Format]:
    if not formats:
        valid = ", ".join(READABLE)
        raise Unprocessable(f"the name of {path.name} does not show its format; set --format to one of {valid}")
    if len(formats) == 1:
        return formats
    content = top_level(path)
    return [form for form in formats if form.top_level == content]


def _reconciler(services: Services, project: str) -> Reconciler:
    pages = labels.pages(services.database, project, _BATCH)
    return Reconciler.of(stored.event for page in pages for stored in page)


def _new_events(
    rows: list[ImportRow | Fault], matcher: ItemMatcher, reconciler: Reconciler, result: Imported
) -> list[LabelEvent]:
    """Return the labels to store, in order; count the rest in `result`."""
    matches = iter(matcher.match([row for row in rows if isinstance(row, ImportRow)]))
    events = []
    for row in rows:
        match = row if isinstance(row, Fault) else next(matches)
        if isinstance(row, ImportRow) and row.event is not None and isinstance(match, str):
            decision = reconciler.decide(row, match)
        else:
            decision = match if isinstance(match, Fault) else None
        if isinstance(decision, Fault):
            result.add_fault(decision)
        elif decision is not None:
            events.append(decision)
    result.present = reconciler.present
    if matcher.unmatched_images:
        count = matcher.unmatched_images
        result.notes.append(f"images without a label that are neither in the pool nor found by --images: {count}")
    if reconciler.superseded:
        result.notes.append(
            f"labels that were stored before and that their annotators have changed since: {reconciler.superseded}; "
            "the later labels remain"
        )
    return events


def _add_images(project: Project, matcher: ItemMatcher, progress: Progress) -> None:
    images = list(matcher.new_images.items())
    for start in range(0, len(images), _IMAGES):
        project.items.add(read_unchanged(images[start : start + _IMAGES]))
        progress(_CHECKED + (1 - _CHECKED) * start / len(images), f"{start:,} images added")


def _store(services: Services, project: Project, events: list[LabelEvent], progress: Progress) -> None:
    name = project.config.name
    for start in range(0, len(events), _BATCH):
        batch = events[start : start + _BATCH]
        with services.database.read() as connection:  # positions never change
            rows = items.by_ids(connection, name, {event.item for event in batch})
        positions = {row.id: row.position for row in rows.values()}
        with services.database.write() as connection:
            labels.append(connection, name, batch, positions)
            for annotator, group in groupby(sorted(batch, key=attrgetter("annotator")), key=attrgetter("annotator")):
                queries.release(connection, name, annotator, [positions[event.item] for event in group])
        progress(_CHECKED + (1 - _CHECKED) * start / len(events), f"{start:,} labels stored")
    if events:
        with services.database.write() as connection:
            queue_training_when_due(connection, name, project.config.train.every)


def _refusal(result: Imported) -> Unprocessable:
    more = result.faulty - len(result.faults)
    faults = [*result.faults, *([f"and {more:,} more"] if more else [])]
    parts = "1 part" if result.faulty == 1 else f"{result.faulty:,} parts"
    return Unprocessable(f"{parts} of it cannot be imported, and nothing was stored: {result.faults[0]}", faults)
