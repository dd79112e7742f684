"""Folders of images: a folder a class, or flat; and what we write as one, history and all."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote

from nextlabel.contracts.errors import BadRequest
from nextlabel.import_export.formats import jsonl
from nextlabel.import_export.importing.import_rows import Entry, Found, Reading, Said, beside
from nextlabel.import_export.importing.path_index import files
from nextlabel.import_export.text_reader import Text

HISTORY = "history.jsonl"
LABELS = "labels.csv"
ABOUT = "classes.json"
TRAIN, HOLDOUT, PARTIAL, OPEN = "train", "holdout", "partial", "unlabelled"
SPLITS = (TRAIN, HOLDOUT)
"""What holds a folder a class."""
_IMAGES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic"}
"""What is an image by its name; those we do not read are refused, not passed over."""


def is_ours(folder: Path) -> bool:
    """Tell whether `nextlabel export` wrote this folder."""
    return all((folder / name).is_file() for name in (HISTORY, LABELS, ABOUT))


def read(folder: Path, classes: Sequence[str], reading: Reading) -> Iterator[Found]:
    """Yield every image, with the class of the folder below `folder` that it lies in."""
    passed = 0
    names = {normalize("NFC", name): name for name in classes}
    for path in files(folder):
        if not _is_image(path):
            passed += 1
            continue
        below = path.relative_to(folder)
        said = None
        if len(below.parts) > 1:
            top = normalize("NFC", below.parts[0])
            said = Said("candidates", (names.get(top) or names.get(normalize("NFC", unquote(top))) or top,))
        yield Entry(0, str(below), "file", said, image=str(path), standing=True)
    if passed:
        reading.note(f"files that are no images by their names, and were passed over: {passed}")


def read_ours(folder: Path, reading: Reading, history: Text) -> Iterator[Found]:
    """Yield what was exported: the images in the order of the pool, then the history, then what was moved since."""
    places = _places(folder)
    found_at = {identity: beside(folder, place) for _, identity, place in places}
    moved = _elsewhere(folder, {identity: place for _, identity, place in places if found_at[identity] is None})
    images = {identity: path for identity, path in found_at.items() if path is not None}
    images |= {identity: str(path) for identity, path in moved.items()}
    for number, identity, _ in places:
        if identity in images:
            yield Entry(number, identity, "id", None, image=images[identity])
    for found in jsonl.read(history, reading):
        yield replace(found, image=images.get(found.item)) if isinstance(found, Entry) else found
    yield from _moved(folder, moved, reading)


def _elsewhere(folder: Path, missing: Mapping[str, str]) -> dict[str, Path]:
    """Return where the images lie that are not where they were written; the folder is searched for those alone."""
    if not missing:
        return {}
    strays = {path.name: path for path in files(folder) if _is_image(path)}
    names = {identity: place.rpartition("/")[2] for identity, place in missing.items()}
    return {identity: strays[name] for identity, name in names.items() if name in strays}


def _moved(folder: Path, moved: Mapping[str, Path], reading: Reading) -> Iterator[Entry]:
    """Yield the images that were put into the folder of another class."""
    classes, elsewhere = _classes(folder), 0
    for identity, path in moved.items():
        parts = path.relative_to(folder).parts
        name = classes.get(parts[1]) if len(parts) > 2 and parts[0] in SPLITS else None  # noqa: PLR2004 - split, class, file
        if name is None:
            elsewhere += 1
        else:
            yield Entry(0, identity, "id", Said("candidates", (name,)), image=str(path), standing=True)
    if elsewhere:
        reading.note(f"images that were moved, and not to the folder of a class: {elsewhere}")


def _places(folder: Path) -> list[tuple[int, str, str]]:
    """Return the line, the id and the place of every image that was written."""
    with (folder / LABELS).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if not {"id", "file"} <= set(rows.fieldnames or ()):
            raise BadRequest(f"{LABELS} has no columns id and file")
        return [(number, row["id"], row["file"]) for number, row in enumerate(rows, 2) if row["id"] and row["file"]]


def _classes(folder: Path) -> dict[str, str]:
    """Return the class of each folder, by the folder's name."""
    try:
        told = json.loads((folder / ABOUT).read_text("utf-8"))["classes"]
        return {str(each["folder"]): str(each["name"]) for each in told}
    except (ValueError, KeyError, TypeError):
        raise BadRequest(f"{ABOUT} does not say which folder is of which class") from None


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _IMAGES
