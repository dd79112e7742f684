"""A folder per class, as torchvision's ImageFolder reads it; tables beside it hold what it cannot express."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nextlabel.import_export.exporting.resolved_rows import COLUMNS, resolved_row
from nextlabel.import_export.exporting.snapshot import (
    Exported,
    ExportItem,
    Snapshot,
    WriteOptions,
    counted,
    image_file_name,
    unreadable_note,
)
from nextlabel.import_export.formats.csv.writer import table_lines
from nextlabel.import_export.formats.image_folder.reader import CLASSES, HISTORY, LABELS
from nextlabel.import_export.formats.jsonl.writer import history_lines
from nextlabel.import_export.safe_filenames import FileNames
from nextlabel.import_export.text_files import dumps

_TRAIN, _HOLDOUT, _PARTIAL, _UNLABELLED = "train", "holdout", "partial", "unlabelled"


def write(snapshot: Snapshot, folder: Path, options: WriteOptions) -> Exported:
    """Write train/<class>/, holdout/<class>/, partial/, unlabelled/, labels.csv, classes.json and history.jsonl."""
    snapshot.require_images("imagefolder")
    exported, counts, class_names = Exported(), Counter[str](), FileNames()
    folders = {name: class_names.unique(name) for name in snapshot.classes}

    def rows() -> Iterator[dict[str, Any]]:
        names = FileNames()
        for item in counted(snapshot.items(everything=options.everything), exported, "items"):
            directory = _folder(item, folders)
            file, data = f"{directory}/{image_file_name(names, item.row)}", snapshot.image(item.row)
            if data is not None:
                (folder / directory).mkdir(parents=True, exist_ok=True)
                (folder / file).write_bytes(data)
            counts["unreadable" if data is None else directory.partition("/")[0]] += 1
            yield resolved_row(item) | {"file": None if data is None else file}

    with (folder / LABELS).open("w", encoding="utf-8", newline="") as table:
        table.writelines(table_lines(("id", "file", *COLUMNS[1:]), rows()))
    with (folder / HISTORY).open("w", encoding="utf-8", newline="") as history:
        history.writelines(history_lines(counted(snapshot.history(), exported, "labels")))
    classes = [{"name": name, "folder": file} for name, file in folders.items()]
    (folder / CLASSES).write_text(dumps({"nextlabel": 1, "project": snapshot.name, "classes": classes}) + "\n", "utf-8")
    exported.images = counts.total() - counts["unreadable"]
    exported.notes = [*unreadable_note(counts["unreadable"], f"in {HISTORY} and {LABELS}"), *_notes(counts, folders)]
    return exported


def _folder(item: ExportItem, folders: dict[str, str]) -> str:
    candidates = item.summary.candidates
    if item.summary.state == "labelled" and candidates is not None:
        return f"{_HOLDOUT if item.row.holdout else _TRAIN}/{folders[candidates[0]]}"
    return _PARTIAL if candidates is not None or item.summary.value is not None else _UNLABELLED


def _notes(counts: Counter[str], folders: dict[str, str]) -> Iterator[str]:
    if counts[_PARTIAL]:
        yield f"{counts[_PARTIAL]:,} images with several candidates or a value, not one class, are in {_PARTIAL}/"
    if counts[_HOLDOUT]:
        yield f"{counts[_HOLDOUT]:,} images of the hold-out are in {_HOLDOUT}/, not {_TRAIN}/: test on them"
    changed = sum(file != name for name, file in folders.items())
    if changed:
        yield f"{changed} classes cannot be the name of a folder: {CLASSES} lists the folder of each"
