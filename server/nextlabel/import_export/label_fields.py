"""The fields of a label by name, as CSV, JSON Lines, embedded histories and `GET /labels` have them.

The one module of `import_export` that names the columns of a label.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from nextlabel.contracts.errors import Unprocessable, suggest
from nextlabel.import_export.importing.rows import (
    ImportRow,
    ReadContext,
    is_finite,
    parse_text,
    parse_time,
    shortened,
)
from nextlabel.store.labels import Label, LabelEvent

COLUMNS = ("id", "annotator", "candidates", "value", "skip", "retract", "time", "key")
ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": ("item",),
    "file": ("filename", "file_name", "path", "image"),
    "label": ("labels", "class", "classes"),
}
"""Other names of a table's columns."""
FIELDS = (*COLUMNS, "file", "label", "created_at")
COLUMN_NAMES = {alias: name for name in FIELDS for alias in (name, *ALIASES.get(name, ()))}
"""The field of every name that a table's column may have."""
LABEL_FIELDS = ("candidates", "label", "value", "skip", "retract")
"""The fields of which a row has exactly one."""
SEPARATOR = "|"
_MANY_CLASSES = 30


def to_fields(event: LabelEvent) -> dict[str, Any]:
    """Return a label as an object; of candidates, value, skip and retract it has exactly one."""
    value = event.label.value if event.label.candidates is None else event.label.candidates
    content: dict[str, Any] = {event.label.kind: True if value is None else value}
    return {"id": event.item, "annotator": event.annotator, **content, "time": event.time, "key": event.key}


def to_row(location: str, fields: Mapping[str, Any], context: ReadContext) -> ImportRow:
    """Return the label that an object holds. Raises Unprocessable."""
    identity, file = parse_text(fields.get("id"), "id"), parse_text(fields.get("file"), "file")
    if identity is None and file is None:
        raise Unprocessable("it names no item: give its `id`, or its `file`")
    time = parse_time(fields.get("created_at") if fields.get("time") is None else fields["time"])
    event = new_event(
        context,
        to_label(fields, context),
        annotator=parse_text(fields.get("annotator"), "annotator"),
        time=time,
        key=parse_text(fields.get("key"), "key"),
    )
    return ImportRow(location, event, identity, (file,) if file is not None else (), timed=time is not None)


def new_event(
    context: ReadContext,
    label: Label,
    *,
    annotator: str | None = None,
    time: float | None = None,
    key: str | None = None,
) -> LabelEvent:
    """Return a label of an item that is not known yet; the context fills in what the file does not give."""
    if time is None:
        time, key = context.now, key or context.options.key
    return LabelEvent("", annotator or context.options.annotator, label, time, key)


def to_label(fields: Mapping[str, Any], context: ReadContext) -> Label:
    """Return the label of an object with exactly one of candidates, label, value, skip and retract.

    Raises Unprocessable.
    """
    names = [name for name in LABEL_FIELDS if fields.get(name) is not None and fields[name] is not False]
    if len(names) != 1:
        problem = f"it has {' and '.join(names)}" if names else "it has none of them"
        raise Unprocessable(f"give exactly one of candidates (or label), value, skip and retract; {problem}")
    (name,) = names
    value = fields[name]
    if name in {"candidates", "label"}:
        return candidates_label(value, context)
    if name == "value":
        return value_label(value, context)
    if value is not True:
        raise Unprocessable(f"{name} must be true or left out, not {value!r}")
    return Label(skip=True) if name == "skip" else Label(retract=True)


def value_label(value: Any, context: ReadContext) -> Label:
    """Return a number as a label. Raises Unprocessable."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_finite(value):
        raise Unprocessable(f"a value must be a finite number, not {shortened(value)}")
    if context.classes:
        raise Unprocessable("this project takes candidates, not values")
    return Label(value=float(value))


def candidates_label(value: Any, context: ReadContext) -> Label:
    """Return a set of classes as a label, from a list of names or from one text such as `cat|dog`.

    Raises Unprocessable.
    """
    order = context.class_order
    if not order:
        raise Unprocessable("this project takes values, not candidates")
    names = split_classes(value, order) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise Unprocessable(f"candidates must be a list of class names, not {shortened(value)}")
    unknown = [name for name in names if name not in order]
    if unknown:
        raise Unprocessable("; ".join(f"no class {shortened(name)}; {_nearest(name, list(order))}" for name in unknown))
    return Label(candidates=tuple(sorted(names, key=order.__getitem__)))


def split_classes(text: str, classes: Container[str]) -> list[str]:
    """Return the classes that a text names, split at the bars unless the whole text is a class."""
    for whole in (text, text.strip()):
        if whole in classes:
            return [whole]
    parts = [part if part in classes else part.strip() for part in text.split(SEPARATOR)]
    return [part for part in parts if part]


def _nearest(name: str, classes: Sequence[str]) -> str:
    text = suggest(name, classes)
    return text if len(classes) <= _MANY_CLASSES else text.partition("valid: ")[0] + f"there are {len(classes)}"
