"""COCO's JSON: a label is a box around the whole image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nextlabel.engine.images.decoding import measure
from nextlabel.engine.images.unreadable import DECODE_ERRORS
from nextlabel.import_export import embedded_history
from nextlabel.import_export.exporting.snapshot import (
    Exported,
    ExportItem,
    Snapshot,
    WriteOptions,
    image_file_name,
    unreadable_note,
)
from nextlabel.import_export.formats.coco.reader import IMAGES
from nextlabel.import_export.safe_filenames import FileNames
from nextlabel.import_export.text_files import dumps, first_entry, write_array

ANNOTATIONS = "annotations.json"


def is_export(folder: Path) -> bool:
    """Return whether `write` wrote a folder; other programs write a file of the same name."""
    info = first_entry(folder / ANNOTATIONS, "info")
    return isinstance(info, dict) and embedded_history.NAME in info


def write(snapshot: Snapshot, folder: Path, options: WriteOptions) -> Exported:
    """Write annotations.json, and images/ if images are copied.

    A label is an annotation for each of its candidates, all of which hold the whole set.
    """
    snapshot.require_images("coco")
    names = snapshot.classes or (embedded_history.VALUE,)
    numbers = {name: number for number, name in enumerate(names, 1)}
    counts: Counter[str] = Counter()
    annotations: list[dict[str, Any]] = []
    if options.copy_images:
        (folder / IMAGES).mkdir()
    with (folder / ANNOTATIONS).open("w", encoding="utf-8") as file:
        info = {"description": snapshot.config.title, embedded_history.NAME: {"project": snapshot.name}}
        file.write(f'{{"info":{dumps(info)},\n"licenses":[],\n"categories":')
        write_array(file, ({"id": number, "name": name, "supercategory": ""} for name, number in numbers.items()))
        file.write(',\n"images":')
        write_array(file, _images(snapshot, folder, options, numbers, counts, annotations))
        file.write(',\n"annotations":')
        write_array(file, annotations)
        file.write("}\n")
    return Exported(counts["items"], counts["labels"], counts["images"], notes=list(_notes(counts)))


def _images(
    snapshot: Snapshot,
    folder: Path,
    options: WriteOptions,
    numbers: dict[str, int],
    counts: Counter[str],
    annotations: list[dict[str, Any]],
) -> Iterator[dict[str, Any]]:
    """Yield every image, copy it if that is an option, and add its annotations."""
    names = FileNames()
    for item in snapshot.items(everything=options.everything):
        data = snapshot.image(item.row)
        size = None if data is None else _size(data, snapshot.services.settings.max_pixels)
        if data is None or size is None:
            counts["unreadable"] += 1
            continue
        width, height = size
        name = image_file_name(names, item.row)
        if options.copy_images:
            (folder / IMAGES / name).write_bytes(data)
            counts["images"] += 1
        elif item.row.source != "array":
            name = str(snapshot.services.home.at(str(item.row.path)))
        else:
            counts["without a file"] += 1
        image = {"id": item.row.position + 1, "file_name": name, "width": width, "height": height}
        box = {"bbox": [0, 0, width, height], "area": width * height, "iscrowd": 0, "segmentation": []}
        for annotation in _annotations(item, numbers):
            annotations.append({"id": len(annotations) + 1, "image_id": image["id"], **annotation, **box})
        counts.update(items=1, labels=len(item.history))
        counts["written"] += sum(not stored.event.label.skip for stored in item.current.values())
        embedded = embedded_history.write(item.row.id, item.history)
        yield {**image, embedded_history.NAME: embedded | {"candidates": item.summary.candidates}}


def _size(data: bytes, max_pixels: int) -> tuple[int, int] | None:
    try:
        return measure(data, max_pixels)
    except DECODE_ERRORS:
        return None


def _annotations(item: ExportItem, numbers: dict[str, int]) -> Iterator[dict[str, Any]]:
    for annotator, stored in item.current.items():
        label = stored.event.label
        for name in label.candidates or ():
            yield {"category_id": numbers[name], "candidates": label.candidates, "annotator": annotator}
        if label.value is not None:
            yield {"category_id": 1, "value": label.value, "annotator": annotator}


def _notes(counts: Counter[str]) -> Iterator[str]:
    yield from unreadable_note(counts["unreadable"], "in what --format jsonl writes")
    if counts["without a file"]:
        yield f"{counts['without a file']:,} images have no files of their own; --copy-images writes them to {IMAGES}/"
    hidden = counts["labels"] - counts["written"]
    if hidden:
        yield (
            f"COCO cannot express skips and earlier labels; {hidden:,} labels are only in the field `nextlabel` of the "
            "images, from which nextlabel import restores them"
        )
