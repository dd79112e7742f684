"""Folders of pictures: a folder a class, or flat; and what we write as one, history and all."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote

from nextlabel.contracts.errors import Malformed
from nextlabel.engine.exchange import json_lines
from nextlabel.engine.exchange.entries import Entry, Found, Reading, Said, beside
from nextlabel.engine.exchange.lines import Text

HISTORY = "history.jsonl"
LABELS = "labels.csv"
ABOUT = "classes.json"
_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic"}
"""What is a picture by its name; those we do not read are refused, not passed over."""


def is_ours(folder: Path) -> bool:
    """Tell whether `nextlabel export` wrote this folder."""
    return all((folder / name).is_file() for name in (HISTORY, LABELS, ABOUT))


def read(folder: Path, classes: Sequence[str], reading: Reading) -> Iterator[Found]:
    """Yield every picture, with the class of the folder below `folder` that it lies in."""
    passed = 0
    names = {normalize("NFC", name): name for name in classes}
    for path in _files(folder):
        if path.suffix.lower() not in _PICTURES:
            passed += 1
            continue
        below = path.relative_to(folder)
        said = None
        if len(below.parts) > 1:
            top = normalize("NFC", below.parts[0])
            said = Said("candidates", (names.get(top) or names.get(normalize("NFC", unquote(top))) or top,))
        yield Entry(0, str(below), "file", said, picture=str(path))
    if passed:
        reading.note(f"files that are no pictures by their names, and were passed over: {passed}")


def read_ours(folder: Path, reading: Reading, history: Text) -> Iterator[Found]:
    """Yield what was exported: the pictures in the order of the pool, then the history."""
    files: dict[str, str] = {}
    with (folder / LABELS).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if not {"id", "file"} <= set(rows.fieldnames or ()):
            raise Malformed(f"{LABELS} has no columns id and file")
        for number, row in enumerate(rows, 2):
            picture = beside(folder, row["file"]) if row["file"] else None
            if picture is not None:
                files[row["id"]] = picture
                yield Entry(number, row["id"], "id", None, picture=picture)
    for found in json_lines.read(history, reading):
        yield replace(found, picture=files.get(found.item)) if isinstance(found, Entry) else found


def _files(folder: Path) -> Iterator[Path]:
    """Yield every file, sorted, but for hidden ones."""
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(at, name)
