"""COCO's JSON, read as labels of whole images: boxes and masks are not looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nextlabel.import_export import embedded_history
from nextlabel.import_export.importing.import_rows import Entry, Fault, Found, Reading, Said, beside, shortly
from nextlabel.import_export.json_stream import members
from nextlabel.import_export.text_reader import Text

IMAGES = "images"
_NUMBERED = {"images": "id", "categories": "id", "annotations": "image_id"}
"""The lists that are read, and what numbers their entries."""
_Number = int | str


def read(text: Text, reading: Reading) -> Iterator[Found]:
    """Yield the labels of every image.

    Ours carry their history, and that is read: a note says how many were changed otherwise. Of
    others, an image whose annotations are all of one category has that label; where they are of
    several, it shows several things, and that is no label.
    """
    names: dict[_Number, str | None] = {}
    standing: dict[_Number, set[str]] = {}
    categories: dict[_Number, str] = {}
    said: dict[_Number, tuple[int, set[_Number]]] = {}
    for member in members(text):
        value, line = member.value, member.line
        if member.key not in _NUMBERED:
            continue
        number = value.get(_NUMBERED[member.key]) if isinstance(value, dict) else None
        if not isinstance(number, int | str):
            yield Fault(line, f"an entry of {member.key} has no number: {shortly(value)}")
        elif member.key == "categories":
            categories[number] = str(value.get("name"))
        elif member.key == "images":
            ours = value.get(embedded_history.NAME)
            names[number] = None if embedded_history.is_kept(ours) else str(value.get("file_name"))
            if embedded_history.is_kept(ours):
                standing[number] = embedded_history.classes(ours)
                yield from embedded_history.kept(line, ours, _file(text, value))
        elif not isinstance(value.get("category_id"), int | str):
            yield Fault(line, f"an annotation has no `category_id`: {shortly(value)}")
        else:
            said.setdefault(number, (line, set()))[1].add(value["category_id"])
    yield from _labels(said, names, categories)
    drawn = {image: {categories.get(number) for number in said[image][1]} for image in said if image in standing}
    changed = sum(drawn.get(image, set()) != classes for image, classes in standing.items())
    if changed:
        reading.note(f"images whose annotations are not what their `nextlabel` says, which alone was read: {changed}")


def _labels(
    said: dict[_Number, tuple[int, set[_Number]]], names: dict[_Number, str | None], categories: dict[_Number, str]
) -> Iterator[Found]:
    for image, (line, numbers) in said.items():
        unknown = [number for number in numbers if number not in categories]
        classes = sorted({categories[number] for number in numbers if number in categories})
        name = names.get(image, "")
        if image not in names:
            yield Fault(line, f"there is no image {image!r}")
        elif name is None:
            continue  # one of ours, whose history says it
        elif unknown:
            yield Fault(line, f"there is no category {unknown[0]!r}")
        elif len(classes) > 1:
            yield Fault(line, f"{name} shows several things ({', '.join(classes)}): that is not one label")
        else:
            yield Entry(line, name, "file", Said("candidates", tuple(classes)))


def _file(text: Text, image: dict[str, Any]) -> str | None:
    name = image.get("file_name")
    return beside(text.path.parent / IMAGES, name) if isinstance(name, str) else None
