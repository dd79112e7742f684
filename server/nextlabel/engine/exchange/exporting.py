"""A project's labels, pictures and model into files that other tools read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nextlabel.contracts.errors import Unprocessable, suggest
from nextlabel.engine.answers import HistoryRow
from nextlabel.engine.context import Context
from nextlabel.engine.exchange import (
    coco_writing,
    image_folder_writing,
    json_lines,
    label_studio_writing,
    onnx_file,
    resolved,
    tables,
)
from nextlabel.engine.exchange.image_folder import is_ours
from nextlabel.engine.exchange.snapshot import Snapshot, Tell, Way, Written
from nextlabel.engine.exchange.writing import new_file, new_folder
from nextlabel.engine.loop import Loop

FORMATS: Sequence[str] = ("csv", "jsonl", "imagefolder", "coco", "label-studio", "onnx")
TABLES: Sequence[str] = ("csv", "jsonl")
_FOLDERS: dict[str, Callable[[Snapshot, Path, Way], Written]] = {
    "imagefolder": image_folder_writing.write,
    "coco": coco_writing.write,
    "label-studio": label_studio_writing.write,
}
_OURS: dict[str, Callable[[Path], bool]] = {
    "imagefolder": is_ours,
    "coco": coco_writing.is_ours,
    "label-studio": label_studio_writing.is_ours,
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
    """With the pictures; coco and label-studio, imagefolder always."""
    prefix: str = ""
    """Before the address of a picture; label-studio."""
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
    pictures: int | None = None
    checkpoint: str | None = None
    notes: list[str] = field(default_factory=list)
    """What a person should know of it: what the format cannot say."""


def export(context: Context, loop: Loop, asked: Asked, out: Path, tell: Tell) -> Exported:
    """Write a file or folder, whole or not at all. Unprocessable, Conflict, NotReady."""
    done = Exported(asked.format)
    if asked.format == "onnx":
        with new_file(out, replace=asked.replace) as part:
            done.checkpoint = onnx_file.write(context, loop.config.name, asked.checkpoint, part)
    elif asked.format in TABLES:
        with new_file(out, replace=asked.replace) as part, part.open("w", encoding="utf-8", newline="") as file:
            for piece in lines(context, loop, asked, done, tell):
                file.write(piece)
    elif asked.format in _FOLDERS:
        with new_folder(out, replace=asked.replace, ours=_OURS[asked.format]) as part:
            way = Way(asked.everything, asked.copy, asked.prefix)
            counts, done.notes = _FOLDERS[asked.format](snapshot(context, loop, tell), part, way)
        done.items, done.labels, done.pictures = counts["items"], counts["labels"], counts["pictures"]
    else:
        raise Unprocessable(f"no format {asked.format!r}; {suggest(asked.format, FORMATS)}")
    return done


def lines(context: Context, loop: Loop, asked: Asked, done: Exported, tell: Tell) -> Iterator[str]:
    """Yield a table as text, a row at a time, and count the rows in `done`."""
    taken = snapshot(context, loop, tell)
    if asked.resolved:
        done.items = 0
        columns = resolved.COLUMNS + (resolved.PREDICTED if asked.predicted else ())
        rows = _counted(resolved.rows(taken, everything=asked.everything, predicted=asked.predicted), done)
        yield from resolved.table(rows, columns) if asked.format == "csv" else resolved.lines(rows)
        return
    done.labels = 0
    yield from (tables if asked.format == "csv" else json_lines).write(_watched(taken.said(), done))


def _watched(rows: Iterator[HistoryRow], done: Exported) -> Iterator[HistoryRow]:
    """Count labels, and those that a spreadsheet would take for more than a text."""
    count = formulas = 0
    for row in rows:
        count += 1
        formulas += _is_formula(row.id, row.annotator, row.key)
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


def snapshot(context: Context, loop: Loop, tell: Tell) -> Snapshot:
    """Return the project as it stands now."""
    return Snapshot(context, loop.config, context.state(context.row(loop.config.name)), tell)


def _counted(rows: Iterator[dict[str, object]], done: Exported) -> Iterator[dict[str, object]]:
    formulas = 0
    for row in rows:
        done.items = (done.items or 0) + 1
        formulas += _is_formula(row["id"], row.get("prediction"))
        yield row
    _warn(formulas, done)
