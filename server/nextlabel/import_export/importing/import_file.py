"""Labels and images into a project: everything is checked first, and only then stored, in batches.

The database is written to in short transactions, so that a server beside goes on. What a crash
leaves half stored is completed by importing the same file again: what is there is not stored twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from hashlib import file_digest, sha256
from itertools import groupby, islice
from pathlib import Path

from nextlabel.contracts.errors import Unprocessable
from nextlabel.engine.project import Project
from nextlabel.engine.scheduling import queue_training_when_due
from nextlabel.engine.services import Services
from nextlabel.import_export.detect_format import Source, source
from nextlabel.import_export.importing.import_rows import Entry, Fault, Found, Reading, SaidLabel
from nextlabel.import_export.importing.item_matching import Matcher, contents, placed
from nextlabel.import_export.importing.reconcile import Decider
from nextlabel.import_export.temp_rows import Ordered, Rows
from nextlabel.import_export.text_reader import Text
from nextlabel.store import items, labels, queries
from nextlabel.store.file_lock import file_lock

TOLD = 20
"""Faults that are listed; the rest is counted."""
_BATCH = 5000
_IMAGES = 32
_CHECKED = 0.7
"""The share of the work, by the clock, that is done when all is checked."""
Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to have imported, and how."""

    path: Path
    annotator: str
    """Of labels that name none."""
    format: str | None = None
    images: Path | None = None
    """Where images lie that the pool does not have."""
    key: str | None = None
    """Of labels with neither time nor key; None: one made of the file's content, or the folder's place."""
    reading: Reading = field(default_factory=Reading)
    skip_faulty: bool = False
    dry_run: bool = False


@dataclass
class Imported:
    """What became of a file."""

    format: str
    labels: int = 0
    """That were stored."""
    present: int = 0
    """That were there already."""
    images: int = 0
    """That were added to the pool."""
    faulty: int = 0
    """Parts of the file that were left out."""
    faults: list[str] = field(default_factory=list)
    """The first of the reasons, each with its line."""
    notes: list[str] = field(default_factory=list)

    def fault(self, found: Fault) -> None:
        """Take note of a fault."""
        self.faulty += 1
        if len(self.faults) < TOLD:
            self.faults.append(str(found))


def import_file(services: Services, project: Project, wanted: Wanted, tell: Tell) -> Imported:
    """Store what a file or folder says, all or nothing unless `skip_faulty`.

    Raise Unprocessable, which lists the first faults, BadRequest where it cannot be read at all,
    Conflict where another import into the project runs: each would miss what the other stores.
    """
    origin = source(wanted.path, wanted.format)
    done = Imported(origin.format)
    row = services.row(project.config.name)
    matcher = Matcher(services, row.name, wanted.images)
    key = wanted.key or _digest(origin)
    with ExitStack() as held:
        lock = services.home.root / f"exchange-{row.name}.lock"
        held.enter_context(
            file_lock(lock, f"another import into project {row.name!r} runs; try again when it has ended")
        )
        state = services.state(row)
        decider = Decider(services, state, wanted.annotator, key, time.time(), exclusive=origin.text is None)
        entries = _found(origin, row.classes, wanted, done, tell)
        if not origin.ordered:
            ordered = held.enter_context(closing(Ordered(services.home.root)))
            entries = _sorted(ordered, entries, done)
        rows = held.enter_context(closing(Rows(services.home.root)))
        _check(entries, matcher, decider, rows, done)
        if done.faulty and not wanted.skip_faulty:
            raise _refusal(done)
        done.labels, done.images = rows.count, len(matcher.new)
        if not wanted.dry_run:
            places = _add_images(services, project, matcher, tell)
            _store(services, project, rows, places, tell)
    return done


def _found(origin: Source, classes: tuple[str, ...], wanted: Wanted, done: Imported, tell: Tell) -> Iterator[Found]:
    text = None
    if origin.text is not None:
        size = max(1, origin.text.stat().st_size)
        text = Text(origin.text, lambda read: tell(_CHECKED * read / size, "checking"))
    reading = replace(wanted.reading, note=done.notes.append)
    for number, found in enumerate(origin.read(classes, reading, text)):
        if text is None and not number % _IMAGES:
            tell(0.0, f"checking, {number} images")
        yield found


def _sorted(ordered: Ordered, entries: Iterator[Found], done: Imported) -> Iterator[Found]:
    for found in entries:
        if isinstance(found, Fault):
            done.fault(found)
        else:
            ordered.add(found)
    return iter(ordered)


def _check(entries: Iterator[Found], matcher: Matcher, decider: Decider, rows: Rows, done: Imported) -> None:
    """Set aside what is to be stored; count the rest."""
    while some := list(islice(entries, _BATCH)):
        places = iter(matcher.match([found for found in some if isinstance(found, Entry)]))
        for found in some:
            decided = found if isinstance(found, Fault) else _decide(found, next(places), decider)
            if isinstance(decided, Fault):
                done.fault(decided)
            elif isinstance(decided, SaidLabel):
                rows.add(decided)
            else:
                done.present += decided == "present"


def _decide(entry: Entry, place: int | Fault, decider: Decider) -> SaidLabel | Fault | str:
    if isinstance(place, Fault):
        return place
    return "image" if entry.said is None else decider.decide(entry, place)


def _add_images(services: Services, project: Project, matcher: Matcher, tell: Tell) -> list[int]:
    """Add the images that are new, through the door of POST /items; return their positions."""
    new = matcher.new
    ids: list[str] = []
    for start in range(0, len(new), _IMAGES):
        ids += [added.id for added in project.items.add(contents(new[start : start + _IMAGES]))]
        tell(_CHECKED + (1 - _CHECKED) * len(ids) / len(new), f"{len(ids)} images")
    with services.database.read() as connection:
        known = items.by_ids(connection, project.config.name, ids)
    return [known[identity].position for identity in ids]


def _store(services: Services, project: Project, rows: Rows, places: Sequence[int], tell: Tell) -> None:
    name, stored, said = project.config.name, 0, iter(rows)
    while some := [placed(row, places) for row in islice(said, _BATCH)]:
        with services.database.write() as connection:
            ids = {
                at: item.id for at, item in items.by_positions(connection, name, {row.position for row in some}).items()
            }
            events = [row.event(ids[row.position]) for row in some]
            labels.append(connection, name, events, {identity: at for at, identity in ids.items()})
            for annotator, theirs in groupby(sorted(some, key=_annotator), key=_annotator):
                queries.release(connection, name, annotator, [row.position for row in theirs])
        stored += len(some)
        tell(_CHECKED + (1 - _CHECKED) * stored / rows.count, f"{stored:,} labels stored")
    if stored:
        with services.database.write() as connection:
            queue_training_when_due(connection, name, project.config.train.every)


def _annotator(row: SaidLabel) -> str:
    return row.annotator


def _digest(origin: Source) -> str:
    """Return the key of labels that have neither time nor key: of the file's content, or of where the folder lies."""
    if origin.text is None:
        return f"import-{sha256(bytes(origin.path.resolve())).hexdigest()[:16]}"
    with origin.text.open("rb") as file:
        return f"import-{file_digest(file, 'sha256').hexdigest()[:16]}"


def _refusal(done: Imported) -> Unprocessable:
    more = done.faulty - len(done.faults)
    faults = [*done.faults, *([f"and {more:,} more"] if more else [])]
    what = "1 part of it" if done.faulty == 1 else f"{done.faulty:,} parts of it"
    return Unprocessable(f"{what} cannot be taken, and nothing was stored: {done.faults[0]}", faults)
