"""An item's history inside a file of a format that has no place for all of it.

An item carries `"nextlabel": {"id": ..., "history": [...]}`. Each entry is a label as in JSON Lines, with
its number `n` in the project's history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

from nextlabel.contracts.errors import Unprocessable
from nextlabel.import_export.importing.rows import Fault, ImportRow, ReadContext, shortened
from nextlabel.import_export.label_fields import to_fields, to_row
from nextlabel.store.labels import Label, StoredLabel

NAME = "nextlabel"
VALUE = "value"
"""The name of the only class of a regression, for formats that need one."""


def write(item: str, rows: Sequence[StoredLabel]) -> dict[str, Any]:
    """Return an item's history as it is embedded."""
    history = []
    for row in rows:
        fields = to_fields(row.event)
        del fields["id"]
        history.append({"n": row.id, **fields})
    return {"id": item, "history": history}


def is_history(value: Any) -> TypeGuard[dict[str, Any]]:
    """Return whether `write` wrote a value."""
    return isinstance(value, dict) and isinstance(value.get("id"), str) and isinstance(value.get("history"), list)


def read(item: ImportRow, embedded: Mapping[str, Any], context: ReadContext) -> Iterator[ImportRow | Fault]:
    """Yield the item itself, then its labels with their numbers."""
    yield replace(item, order=0)
    for label in embedded["history"]:
        if not isinstance(label, dict) or not isinstance(label.get("n"), int):
            yield Fault(item.location, f"a label of the history has no number `n`: {shortened(label)}")
            continue
        try:
            row = to_row(item.location, {**label, "id": embedded["id"]}, context)
        except Unprocessable as error:
            yield Fault(item.location, str(error))
        else:
            yield replace(row, order=label["n"], image=item.image)


def is_same(exported: Mapping[str, Any], label: Label) -> bool:
    """Return whether an embedded label is equal to another."""
    if label.candidates is not None:
        return set(label.candidates) == set(exported.get("candidates") or ())
    return label.value == exported.get("value") if label.value is not None else bool(exported.get("skip"))


def current_classes(embedded: Mapping[str, Any]) -> set[str]:
    """Return every class that is in some annotator's current label of an embedded history."""
    current: dict[str, set[str]] = {}
    for label in embedded["history"]:
        if isinstance(label, dict):
            names = label.get("candidates") or ([VALUE] if label.get("value") is not None else [])
            current[str(label.get("annotator"))] = {str(name) for name in names} if isinstance(names, list) else set()
    return {name for names in current.values() for name in names}
