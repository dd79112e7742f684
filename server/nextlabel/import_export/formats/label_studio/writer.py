"""Label Studio's tasks with annotations, and the labeling configuration that goes with them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from nextlabel.import_export import embedded_history
from nextlabel.import_export.exporting.export_view import Item, Snapshot, Way, Written, date, file_name, left_out
from nextlabel.import_export.formats.jsonl import dumps
from nextlabel.import_export.formats.label_studio.reader import IMAGES
from nextlabel.import_export.json_stream import first
from nextlabel.import_export.safe_filenames import FileNames
from nextlabel.store.labels import StoredLabel

TASKS = "tasks.json"
CONFIG = "config.xml"
_NO_TASKS = "[]\n"
_ANSWER = "label"
_FROM_HERE = (
    "the images are addressed where they are served, and nextlabel lets no other server's pages show its own: "
    "--copy-images writes them into images/, --image-prefix names another place"
)


def is_ours(folder: Path) -> bool:
    """Tell whether `write` made this folder: others have a config.xml too."""
    if not (folder / CONFIG).is_file() or not (folder / TASKS).is_file():
        return False
    begin = first(folder / TASKS)
    if begin is None:
        return (folder / TASKS).stat().st_size == len(_NO_TASKS)
    meta = begin.value.get("meta") if isinstance(begin.value, dict) else None
    return isinstance(meta, dict) and embedded_history.is_kept(meta.get(embedded_history.NAME))


def write(snapshot: Snapshot, folder: Path, way: Way) -> Written:
    """Write tasks.json, config.xml and, with `way.copy`, images/.

    `way.prefix` stands before the name of a copied image, or before the path nextlabel serves it at.
    """
    snapshot.needs_images("label-studio")
    (folder / CONFIG).write_text(config(snapshot.classes), "utf-8")
    names, done = FileNames(), Counter[str]()
    if way.copy:
        (folder / IMAGES).mkdir()
    with (folder / TASKS).open("w", encoding="utf-8") as file:
        comma = "[\n"
        for item in snapshot.items(everything=way.everything):
            name, data = None, snapshot.image(item.row) if way.copy else None
            if data is not None:
                name = file_name(names, item.row)
                (folder / IMAGES / name).write_bytes(data)
                done["images"] += 1
            elif way.copy:
                done["gone"] += 1
            place = f"projects/{snapshot.name}/items/{quote(item.row.id)}/image"
            address = way.prefix + (f"{IMAGES}/{quote(name)}" if name else place)
            file.write(comma + dumps(_task(item, address, name)))
            comma = ",\n"
            done.update(items=1, labels=len(item.history), told=len(item.voices))
        file.write("\n]\n" if done["items"] else _NO_TASKS)
    return done, [*left_out(done, "in their tasks"), *_notes(done), *([] if way.copy else [_FROM_HERE])]


def config(classes: tuple[str, ...]) -> str:
    """Return the labeling configuration: several choices are a set, a number is a value."""
    lines = ["<View>", '  <Image name="image" value="$image"/>']
    if classes:
        lines.append(f'  <Choices name="{_ANSWER}" toName="image" choice="multiple" showInline="true">')
        lines += [f"    <Choice value={quoteattr(name)}/>" for name in classes]
        lines.append("  </Choices>")
    else:
        lines.append(f'  <Number name="{_ANSWER}" toName="image"/>')
    return "\n".join([*lines, "</View>", ""])


def _task(item: Item, image: str, file: str | None) -> dict[str, Any]:
    ours = embedded_history.keep(item.row.id, item.history) | ({"file": file} if file else {})
    annotations = [_annotation(item.standing(who)) for who in item.voices]
    return {
        "id": item.row.position + 1,
        "data": {"image": image, "id": item.row.id},
        "meta": {embedded_history.NAME: ours},
        "annotations": annotations,
        "total_annotations": sum(not each["was_cancelled"] for each in annotations),
        "cancelled_annotations": sum(each["was_cancelled"] for each in annotations),
    }


def _annotation(row: StoredLabel) -> dict[str, Any]:
    region: dict[str, Any] = {"id": f"nextlabel-{row.id}", "from_name": _ANSWER, "to_name": "image"}
    if row.event.label.value is not None:
        region |= {"type": "number", "value": {"number": row.event.label.value}}
    else:
        region |= {"type": "choices", "value": {"choices": row.event.label.candidates}}
    # Label Studio refuses a file with an annotator it does not know, and it knows people by e-mail address
    who = {"completed_by": {"email": row.event.annotator}} if "@" in row.event.annotator else {}
    return {
        "id": row.id,
        **who,
        "result": [] if row.event.label.skip else [region],
        "was_cancelled": row.event.label.skip,
        "ground_truth": False,
        "created_at": date(row.event.time),
        embedded_history.NAME: {"annotator": row.event.annotator},
    }


def _notes(done: Counter[str]) -> list[str]:
    earlier = done["labels"] - done["told"]
    note = (
        f"Label Studio keeps what stands, not what was: {earlier:,} labels that were changed or taken back stand in "
        "the tasks' `meta` only, where nextlabel import finds them"
    )
    return [note] if earlier else []
