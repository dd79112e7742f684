"""Folders of images, with a sub folder per class or flat, and the folders that nextlabel exports."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from hashlib import file_digest
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote

from nextlabel.contracts.errors import BadRequest, Unprocessable
from nextlabel.import_export.formats.jsonl import reader as jsonl
from nextlabel.import_export.importing.path_index import files_below
from nextlabel.import_export.importing.rows import Fault, ImportRow, ReadContext, image_below
from nextlabel.import_export.label_fields import candidates_label, new_event

HISTORY = "history.jsonl"
LABELS = "labels.csv"
CLASSES = "classes.json"
_IMAGES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic"}
"""The suffixes of images. Those of formats that cannot be read are faults, other files are ignored."""


def is_export(folder: Path) -> bool:
    """Return whether `nextlabel export` wrote a folder."""
    return all((folder / name).is_file() for name in (HISTORY, LABELS, CLASSES))


def read(folder: Path, context: ReadContext) -> Iterator[ImportRow | Fault]:
    """Yield every image, with its sub folder as its class; of an exported folder the images and the history."""
    return _read_export(folder, context) if is_export(folder) else _read_images(folder, context)


def _read_images(folder: Path, context: ReadContext) -> Iterator[ImportRow | Fault]:
    classes = {normalize("NFC", name): name for name in context.classes}
    other, class_of_content = 0, dict[str, str]()
    for path in files_below(folder):
        if path.suffix.lower() not in _IMAGES:
            other += 1
            continue
        file = path.relative_to(folder)
        row = ImportRow("", None, files=(str(file),), image=path)
        if len(file.parts) == 1:
            yield row
            continue
        top = normalize("NFC", file.parts[0])
        name = classes.get(top) or classes.get(normalize("NFC", unquote(top))) or top
        with path.open("rb") as content:
            first = class_of_content.setdefault(file_digest(content, "sha256").hexdigest(), name)
        if first != name:
            yield row.fault(f"the same image is in the folder {first} too")
            continue
        try:
            yield replace(row, event=new_event(context, candidates_label([name], context)))
        except Unprocessable as error:
            yield row
            yield row.fault(str(error))
    if other:
        context.note(f"ignored files whose names are not those of images: {other}")


def _read_export(folder: Path, context: ReadContext) -> Iterator[ImportRow | Fault]:
    images: dict[str, Path] = {}
    missing = 0
    for identity, name in _exported_files(folder):
        path = image_below(folder, name)
        if path is None:
            missing += 1
        else:
            images[identity] = path
            yield ImportRow("", None, id=identity, image=path)
    if missing:
        context.note(f"images that are no longer where {LABELS} lists them: {missing}")
    for row in jsonl.read(folder / HISTORY, context):
        yield replace(row, image=images.get(row.id or "")) if isinstance(row, ImportRow) else row


def _exported_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the id and the file of every exported image."""
    with (folder / LABELS).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if not {"id", "file"} <= set(rows.fieldnames or ()):
            raise BadRequest(f"{LABELS} has no columns id and file")
        for row in rows:
            if row["id"] and row["file"]:
                yield row["id"], row["file"]
