"""Label Studio's tasks with annotations, and the labeling configuration for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from nextlabel.import_export import embedded_history
from nextlabel.import_export.exporting.snapshot import (
    Exported,
    ExportItem,
    Snapshot,
    WriteOptions,
    image_file_name,
    iso_date,
    unreadable_note,
)
from nextlabel.import_export.formats.label_studio.reader import IMAGES
from nextlabel.import_export.safe_filenames import FileNames
from nextlabel.import_export.text_files import first_entry, write_array
from nextlabel.store.labels import StoredLabel

TASKS = "tasks.json"
CONFIG = "config.xml"
_EMPTY = "[]\n"
_QUESTION = "label"
_SERVED_HERE = (
    "the image addresses point to this server, which does not let pages of other servers show the images; "
    "use --copy-images to write them to images/, or --image-prefix to set other addresses"
)


def is_export(folder: Path) -> bool:
    """Return whether `write` wrote a folder; other programs write files of the same names."""
    if not (folder / CONFIG).is_file() or not (folder / TASKS).is_file():
        return False
    task = first_entry(folder / TASKS, "item")
    if task is None:
        return (folder / TASKS).read_bytes()[: len(_EMPTY) + 1] == _EMPTY.encode()
    meta = task.get("meta") if isinstance(task, dict) else None
    return isinstance(meta, dict) and embedded_history.is_history(meta.get(embedded_history.NAME))


def write(snapshot: Snapshot, folder: Path, options: WriteOptions) -> Exported:
    """Write tasks.json and config.xml, and images/ if images are copied."""
    snapshot.require_images("label-studio")
    (folder / CONFIG).write_text(labeling_config(snapshot.classes), "utf-8")
    if options.copy_images:
        (folder / IMAGES).mkdir()
    counts: Counter[str] = Counter()
    with (folder / TASKS).open("w", encoding="utf-8") as file:
        write_array(file, _tasks(snapshot, folder, options, counts))
        file.write("\n")
    notes = [*unreadable_note(counts["unreadable"], "in their tasks"), *_notes(counts)]
    if not options.copy_images:
        notes.append(_SERVED_HERE)
    return Exported(counts["items"], counts["labels"], counts["images"], notes=notes)


def labeling_config(classes: tuple[str, ...]) -> str:
    """Return the labeling configuration: choices of which several are a set, or a number."""
    lines = ["<View>", '  <Image name="image" value="$image"/>']
    if classes:
        lines.append(f'  <Choices name="{_QUESTION}" toName="image" choice="multiple" showInline="true">')
        lines += [f"    <Choice value={quoteattr(name)}/>" for name in classes]
        lines.append("  </Choices>")
    else:
        lines.append(f'  <Number name="{_QUESTION}" toName="image"/>')
    return "\n".join([*lines, "</View>", ""])


def _tasks(snapshot: Snapshot, folder: Path, options: WriteOptions, counts: Counter[str]) -> Iterator[dict[str, Any]]:
    names = FileNames()
    for item in snapshot.items(everything=options.everything):
        name, path = None, f"projects/{snapshot.name}/items/{quote(item.row.id)}/image"
        data = snapshot.image(item.row) if options.copy_images else None
        if data is not None:
            name = image_file_name(names, item.row)
            path = f"{IMAGES}/{quote(name)}"
            (folder / IMAGES / name).write_bytes(data)
            counts["images"] += 1
        elif options.copy_images:
            counts["unreadable"] += 1
        counts.update(items=1, labels=len(item.history), written=len(item.current))
        yield _task(item, options.image_prefix + path, name)


def _task(item: ExportItem, address: str, file: str | None) -> dict[str, Any]:
    embedded = embedded_history.write(item.row.id, item.history) | ({"file": file} if file else {})
    annotations = [_annotation(stored) for stored in item.current.values()]
    return {
        "id": item.row.position + 1,
        "data": {"image": address, "id": item.row.id},
        "meta": {embedded_history.NAME: embedded},
        "annotations": annotations,
        "total_annotations": sum(not annotation["was_cancelled"] for annotation in annotations),
        "cancelled_annotations": sum(annotation["was_cancelled"] for annotation in annotations),
    }


def _annotation(stored: StoredLabel) -> dict[str, Any]:
    event, label = stored.event, stored.event.label
    result: dict[str, Any] = {"id": f"nextlabel-{stored.id}", "from_name": _QUESTION, "to_name": "image"}
    if label.value is not None:
        result |= {"type": "number", "value": {"number": label.value}}
    else:
        result |= {"type": "choices", "value": {"choices": label.candidates}}
    # Label Studio refuses a file with an annotator it does not know, and it knows users by e-mail address
    annotator = {"completed_by": {"email": event.annotator}} if "@" in event.annotator else {}
    return {
        "id": stored.id,
        **annotator,
        "result": [] if label.skip else [result],
        "was_cancelled": label.skip,
        "ground_truth": False,
        "created_at": iso_date(event.time),
        embedded_history.NAME: {"annotator": event.annotator},
    }


def _notes(counts: Counter[str]) -> Iterator[str]:
    earlier = counts["labels"] - counts["written"]
    if earlier:
        yield (
            f"Label Studio shows only current labels; {earlier:,} labels that were changed or retracted are in the "
            "tasks' `meta`, from which nextlabel import restores them"
        )
