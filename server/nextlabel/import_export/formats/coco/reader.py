"""COCO's JSON as labels of whole images; boxes and masks are ignored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from nextlabel.contracts.errors import BadRequest, Unprocessable
from nextlabel.import_export import embedded_history
from nextlabel.import_export.importing.rows import (
    Fault,
    ImportRow,
    ReadContext,
    image_below,
    in_order,
    shortened,
)
from nextlabel.import_export.label_fields import candidates_label, new_event
from nextlabel.import_export.text_files import entries

IMAGES = "images"
_Number = int | str
_Rows = list[ImportRow | Fault]


def read(path: Path, context: ReadContext) -> Iterator[ImportRow | Fault]:
    """Yield the labels of every image.

    An image from nextlabel has its embedded history. Any other has the one category of all its annotations:
    an image with several categories shows several things, which is not one label.
    """
    rows: _Rows = []
    categories = {number: entry["name"] for number, entry in _by_number(path, "categories", "name", rows).items()}
    images = _by_number(path, "images", "file_name", rows)
    annotated = _annotated(path, rows)
    if not (categories or images or annotated or rows):
        raise BadRequest(
            f"{path.name} is neither a COCO file nor a list of Label Studio tasks; no other JSON files are supported"
        )
    changed = 0
    for number, image in images.items():
        location, numbers = f"image {number}", annotated.pop(number, set())
        names = {categories[category] for category in numbers if category in categories}
        embedded = image.get(embedded_history.NAME)
        if embedded_history.is_history(embedded):
            file = image_below(path.parent / IMAGES, image["file_name"])
            rows += embedded_history.read(ImportRow(location, None, id=embedded["id"], image=file), embedded, context)
            changed += names != embedded_history.current_classes(embedded)
        else:
            item = ImportRow(location, None, files=(image["file_name"],))
            unknown = sorted(map(repr, numbers - categories.keys()))
            rows.append(item.fault(f"there is no category {unknown[0]}") if unknown else _row(item, names, context))
    rows += [
        Fault(f"image {number}", "it has annotations, but there is not exactly one image with this number")
        for number in annotated
    ]
    if changed:
        context.note(
            f"images whose annotations differ from their `nextlabel` history; only the history is read: {changed}"
        )
    return iter(in_order(rows))


def _row(item: ImportRow, names: set[str], context: ReadContext) -> ImportRow | Fault:
    if len(names) > 1:
        return item.fault(f"{item.name} shows several things ({', '.join(sorted(names))}): that is not one label")
    try:
        return replace(item, event=new_event(context, candidates_label(list(names), context))) if names else item
    except Unprocessable as error:
        return item.fault(str(error))


def _by_number(path: Path, entity: str, name: str, rows: _Rows) -> dict[_Number, dict[str, Any]]:
    """Return the entries of a list by number. Those that cannot be read, or share a number, become faults."""
    by_number: dict[_Number, dict[str, Any]] = {}
    shared: set[_Number] = set()
    for entry in entries(path, f"{entity}.item"):
        number = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(number, int | str) or not isinstance(entry.get(name), str):
            rows.append(Fault("", f"an entry of {entity} has no `id` or no `{name}`: {shortened(entry)}"))
        elif number in by_number:
            names = f"{by_number[number][name]!r} and {entry[name]!r}"
            rows.append(Fault("", f"the number {number!r} occurs twice in {entity}, as {names}"))
            shared.add(number)
        else:
            by_number[number] = entry
    return {number: entry for number, entry in by_number.items() if number not in shared}


def _annotated(path: Path, rows: _Rows) -> dict[_Number, set[_Number]]:
    """Return the categories of each image's annotations, by number."""
    annotated: dict[_Number, set[_Number]] = {}
    for entry in entries(path, "annotations.item"):
        image, category = (entry.get("image_id"), entry.get("category_id")) if isinstance(entry, dict) else (None, None)
        if isinstance(image, int | str) and isinstance(category, int | str):
            annotated.setdefault(image, set()).add(category)
        else:
            rows.append(Fault("", f"an annotation has no `image_id` or no `category_id`: {shortened(entry)}"))
    return annotated
