"""A project's labels, images and model into files that other tools read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nextlabel.contracts.errors import Unprocessable, suggest
from nextlabel.engine.checkpoints import onnx_export
from nextlabel.engine.project import Project
from nextlabel.engine.services import Services
from nextlabel.import_export.exporting import resolved_rows
from nextlabel.import_export.exporting.export_view import Snapshot, Tell, Way, Written
from nextlabel.import_export.formats import csv, jsonl
from nextlabel.import_export.formats.coco import writer as coco
from nextlabel.import_export.formats.image_folder import writer as image_folder
from nextlabel.import_export.formats.image_folder.reader import is_ours
from nextlabel.import_export.formats.label_studio import writer as label_studio
from nextlabel.store.atomic import new_file, new_folder
from nextlabel.store.labels import LabelEvent

FORMATS: Sequence[str] = ("csv", "jsonl", "imagefolder", "coco", "label-studio", "onnx")
TABLES: Sequence[str] = ("csv", "jsonl")
_FOLDERS: dict[str, Callable[[Snapshot, Path, Way], Written]] = {
    "imagefolder": image_folder.write,
    "coco": coco.write,
    "label-studio": label_studio.write,
}
_OURS: dict[str, Callable[[Path], bool]] = {
    "imagefolder": is_ours,
    "coco": coco.is_ours,
    "label-studio": label_studio.is_ours,
}
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Asked:
    """What somebody wants to have exported, and how."""

    format: str
    resolved: bool = False
    """One row an item in place of the history; csv and jsonl."""
    everything: bool = False
    """Items of which nothing was ever said, too."""
    predicted: bool = False
    """With what the live model says; resolved rows."""
    copy: bool = False
    """With the images; coco and label-studio, imagefolder always."""
    prefix: str = ""
    """Before the address of an image; label-studio."""
    checkpoint: str | None = None
    """None: the live one; onnx."""
    replace: bool = False
    """An earlier export gives way."""


@dataclass
class Exported:
    """What was written."""

    format: str
    items: int | None = None
    labels: int | None = None
    images: int | None = None
    checkpoint: str | None = None
    notes: list[str] = field(default_factory=list)
    """What a person should know of it: what the format cannot say."""


def export(services: Services, project: Project, asked: Asked, out: Path, tell: Tell) -> Exported:
    """Write a file or folder, whole or not at all. Unprocessable, Conflict, NotReady."""
    done = Exported(asked.format)
    if asked.format == "onnx":
        with new_file(out, replace=asked.replace) as part:
            name = project.config.name
            done.checkpoint = asked.checkpoint or services.live.current(name).checkpoint
            onnx_export.write(services.database, services.home, name, done.checkpoint, part)
    elif asked.format in TABLES:
        with new_file(out, replace=asked.replace) as part, part.open("w", encoding="utf-8", newline="") as file:
            for piece in lines(services, project, asked, done, tell):
                file.write(piece)
    elif asked.format in _FOLDERS:
        with new_folder(out, replace=asked.replace, ours=_OURS[asked.format]) as part:
            way = Way(asked.everything, asked.copy, asked.prefix)
            counts, done.notes = _FOLDERS[asked.format](snapshot(services, project, tell), part, way)
        done.items, done.labels, done.images = counts["items"], counts["labels"], counts["images"]
    else:
        raise Unprocessable(f"no format {asked.format!r}; {suggest(asked.format, FORMATS)}")
    return done


def lines(services: Services, project: Project, asked: Asked, done: Exported, tell: Tell) -> Iterator[str]:
    """Yield a table as text, a row at a time, and count the rows in `done`."""
    taken = snapshot(services, project, tell)
    if asked.resolved:
        done.items = 0
        columns = resolved_rows.COLUMNS + (resolved_rows.PREDICTED if asked.predicted else ())
        rows = _counted(resolved_rows.rows(taken, everything=asked.everything, predicted=asked.predicted), done)
        yield from resolved_rows.table(rows, columns) if asked.format == "csv" else resolved_rows.lines(rows)
        return
    done.labels = 0
    yield from (csv if asked.format == "csv" else jsonl).write(_watched(taken.said(), done))


def _watched(rows: Iterator[LabelEvent], done: Exported) -> Iterator[LabelEvent]:
    """Count labels, and those that a spreadsheet would take for more than a text."""
    count = formulas = 0
    for row in rows:
        count += 1
        formulas += _is_formula(row.item, row.annotator, row.key)
        yield row
    done.labels = count
    _warn(formulas, done)


def _is_formula(*cells: object) -> bool:
    return any(isinstance(cell, str) and cell.startswith(_FORMULAS) for cell in cells)


def _warn(formulas: int, done: Exported) -> None:
    if formulas and done.format == "csv":
        done.notes.append(
            f"{formulas:,} rows hold a text that a spreadsheet may take for a formula (=, +, - or @ first); "
            "it is written as it is: import the file there as text"
        )


def snapshot(services: Services, project: Project, tell: Tell) -> Snapshot:
    """Return the project as it stands now."""
    return Snapshot(services, project.config, services.state(services.row(project.config.name)), tell)


def _counted(rows: Iterator[dict[str, object]], done: Exported) -> Iterator[dict[str, object]]:
    formulas = 0
    for row in rows:
        done.items = (done.items or 0) + 1
        formulas += _is_formula(row["id"], row.get("prediction"))
        yield row
    _warn(formulas, done)
