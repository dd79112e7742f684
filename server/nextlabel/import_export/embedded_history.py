"""Our own history inside files of other formats, which have no words for all of it.

An item carries `"nextlabel": {"id": ..., "history": [...]}`; each entry says what one label said,
as in JSON Lines, with its number `n` in the project's history.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nextlabel.import_export.formats.jsonl import content, entry
from nextlabel.import_export.importing.import_rows import Entry, Fault, Found, shortly
from nextlabel.store.labels import StoredLabel

NAME = "nextlabel"
VALUE = "value"
"""What a class is called where labels are values."""


def keep(identity: str, rows: Sequence[StoredLabel]) -> dict[str, Any]:
    """Return an item's history as it is written."""
    return {"id": identity, "history": [_said(row) for row in rows]}


def is_kept(value: Any) -> bool:
    """Tell whether `keep` wrote this."""
    return isinstance(value, dict) and isinstance(value.get("id"), str) and isinstance(value.get("history"), list)


def kept(line: int, value: dict[str, Any], image: str | None) -> Iterator[Found]:
    """Yield an item's history as it was written: the item itself, then each label with its place."""
    identity = str(value["id"])
    yield Entry(line, identity, "id", None, order=0, image=image)
    for said in value["history"]:
        if not isinstance(said, dict) or not isinstance(said.get("n"), int):
            yield Fault(line, f"a label of the history has no number `n`: {shortly(said)}")
            continue
        rest = {name: what for name, what in said.items() if name != "n"}
        found = entry(line, {"id": identity, **rest})
        if isinstance(found, Entry):
            where = (found.line, found.item, found.how, found.said, found.annotator, found.time, found.key)
            found = Entry(*where, order=said["n"], image=image)
        yield found


def classes(value: dict[str, Any]) -> set[str]:
    """Return every class that what `keep` wrote still says of the item, whoever says it."""
    standing: dict[str, set[str]] = {}
    for said in value["history"]:
        if isinstance(said, dict):
            names = said.get("candidates") or ([VALUE] if said.get("value") is not None else [])
            standing[str(said.get("annotator"))] = {str(name) for name in names} if isinstance(names, list) else set()
    return {name for names in standing.values() for name in names}


def _said(row: StoredLabel) -> dict[str, Any]:
    event = row.event
    return {"n": row.id, "annotator": event.annotator, **content(event.label), "time": event.time, "key": event.key}
