"""COCO's JSON: an image's label is a box around all of it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from nextlabel.engine.images.decoding import measure
from nextlabel.engine.images.unreadable import DECODE_ERRORS
from nextlabel.import_export import embedded_history
from nextlabel.import_export.exporting.export_view import Item, Snapshot, Way, Written, file_name, left_out
from nextlabel.import_export.formats.coco.reader import IMAGES
from nextlabel.import_export.formats.jsonl import dumps
from nextlabel.import_export.json_stream import first
from nextlabel.import_export.safe_filenames import FileNames

ANNOTATIONS = "annotations.json"


def is_ours(folder: Path) -> bool:
    """Tell whether `write` made this folder: others call their annotations so too."""
    begin = first(folder / ANNOTATIONS)
    return (
        begin is not None
        and begin.key == "info"
        and isinstance(begin.value, dict)
        and embedded_history.NAME in begin.value
    )


def write(snapshot: Snapshot, folder: Path, way: Way) -> Written:
    """Write annotations.json and, with `way.copy`, images/; return what was written, and what the format cannot say.

    A standing label is an annotation for each class of its set, which all carry the whole set.
    """
    snapshot.needs_images("coco")
    names, done = FileNames(), Counter[str]()
    classes = snapshot.classes or (embedded_history.VALUE,)
    numbers = {name: number for number, name in enumerate(classes, 1)}
    if way.copy:
        (folder / IMAGES).mkdir()
    with (folder / ANNOTATIONS).open("wb") as file, TemporaryFile(dir=folder) as later:
        about = {"description": snapshot.config.title, embedded_history.NAME: {"project": snapshot.name}}
        file.write(b'{"info":' + dumps(about).encode() + b',\n"licenses":[],\n"categories":[')
        told = [dumps({"id": number, "name": name, "supercategory": ""}) for name, number in numbers.items()]
        file.write(",\n".join(told).encode() + b'],\n"images":[')
        for item in snapshot.items(everything=way.everything):
            data = snapshot.image(item.row)
            if data is None or (size := _size(data, snapshot.services.settings.max_pixels)) is None:
                done["gone"] += 1
                continue
            width, height = size
            name = file_name(names, item.row)
            if way.copy:
                (folder / IMAGES / name).write_bytes(data)
                done["images"] += 1
            elif item.row.source != "array":
                name = str(snapshot.services.home.at(str(item.row.path)))
            else:
                done["nowhere"] += 1
            image = {"id": item.row.position + 1, "file_name": name, "width": width, "height": height}
            ours = embedded_history.keep(item.row.id, item.history) | {"candidates": item.summary.candidates}
            comma = ",\n" if done["items"] else "\n"
            file.write((comma + dumps({**image, embedded_history.NAME: ours})).encode())
            for said in _annotations(item, numbers):
                done["annotations"] += 1
                box = {"bbox": [0, 0, width, height], "area": width * height, "iscrowd": 0, "segmentation": []}
                whole = {"id": done["annotations"], "image_id": image["id"], **said, **box}
                later.write(((",\n" if done["annotations"] > 1 else "\n") + dumps(whole)).encode())
            done.update(items=1, labels=len(item.history), skips=sum(said is None for said in item.voices.values()))
            done["told"] += len(item.voices)
        file.write(b'\n],\n"annotations":[')
        later.seek(0)
        shutil.copyfileobj(later, file)
        file.write(b"\n]}\n")
    return done, [*left_out(done, "what --format jsonl writes"), *_notes(done)]


def _size(data: bytes, most: int) -> tuple[int, int] | None:
    try:
        return measure(data, most)
    except DECODE_ERRORS:
        return None


def _annotations(item: Item, numbers: dict[str, int]) -> Iterator[dict[str, Any]]:
    for annotator, said in item.voices.items():
        if isinstance(said, tuple):
            for name in said:
                yield {"category_id": numbers[name], "candidates": said, "annotator": annotator}
        elif said is not None:
            yield {"category_id": 1, "value": said, "annotator": annotator}


def _notes(done: Counter[str]) -> Iterator[str]:
    if done["nowhere"]:
        yield f"{done['nowhere']:,} images are in no files of their own: --copy-images writes them to {IMAGES}/"
    hidden = done["skips"] + done["labels"] - done["told"]
    if hidden:
        yield (
            f"COCO has no word for skips and for what was said before: {hidden:,} labels stand in the images' "
            "`nextlabel` only, where nextlabel import finds them"
        )
