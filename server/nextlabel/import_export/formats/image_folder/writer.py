"""A folder a class, as torchvision's ImageFolder and others read it, with all that it cannot say beside it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from nextlabel.import_export.exporting.export_view import Item, Snapshot, Way, Written, file_name, left_out
from nextlabel.import_export.exporting.resolved_rows import COLUMNS, resolved, table
from nextlabel.import_export.formats import csv, jsonl
from nextlabel.import_export.formats.image_folder.reader import ABOUT, HISTORY, HOLDOUT, LABELS, OPEN, PARTIAL, TRAIN
from nextlabel.import_export.safe_filenames import FileNames


def write(snapshot: Snapshot, folder: Path, way: Way) -> Written:
    """Write train/<class>/, holdout/<class>/, partial/, unlabelled/, labels.csv, classes.json and history.jsonl.

    Return what was written, and what the format cannot say.
    """
    snapshot.needs_images("imagefolder")
    names, classes, done = FileNames(), FileNames(), Counter[str]()
    folders = {name: classes.give(name) for name in snapshot.classes}
    with (folder / LABELS).open("w", encoding="utf-8", newline="") as file:
        file.write(csv.line(("id", "file", *COLUMNS[1:])))
        for item in snapshot.items(everything=way.everything):
            place = _place(item, folders)
            name, data = f"{place}/{file_name(names, item.row)}", snapshot.image(item.row)
            if data is not None:
                (folder / place).mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)
                done.update({"images": 1, place.partition("/")[0]: 1})
            row = resolved(item) | {"file": None if data is None else name}
            file.writelines(list(table(iter([row]), ("id", "file", *COLUMNS[1:])))[1:])
            done.update({"items": 1, "gone": int(data is None)})
    with (folder / HISTORY).open("w", encoding="utf-8", newline="") as file:
        for line in jsonl.write(snapshot.said()):
            file.write(line)
            done["labels"] += 1
    told = [{"name": name, "folder": given} for name, given in folders.items()]
    about = {"nextlabel": 1, "project": snapshot.name, "classes": told}
    (folder / ABOUT).write_text(jsonl.dumps(about) + "\n", "utf-8")
    return done, [*left_out(done, f"in {HISTORY} and {LABELS}"), *_notes(done, folders)]


def _place(item: Item, folders: dict[str, str]) -> str:
    sets = item.summary.candidates
    if item.summary.state == "labelled" and sets is not None:
        return f"{HOLDOUT if item.row.holdout else TRAIN}/{folders[sets[0]]}"
    return PARTIAL if sets is not None or item.summary.value is not None else OPEN


def _notes(done: Counter[str], folders: dict[str, str]) -> list[str]:
    notes = []
    if done[PARTIAL]:
        notes.append(f"{done[PARTIAL]:,} images with a set or a value, and no one class, are in {PARTIAL}/")
    if done[HOLDOUT]:
        notes.append(f"{done[HOLDOUT]:,} images of the hold-out are in {HOLDOUT}/, not {TRAIN}/: test on them")
    changed = sum(given != name for name, given in folders.items())
    if changed:
        notes.append(f"{changed} classes cannot be a folder's name as they are: {ABOUT} says which is which")
    return notes
