"""JSON Lines: the history as `GET /labels?format=jsonl` writes it, and lines that people's programs write."""

from __future__ import annotations

from collections.abc import Iterator
from json import JSONDecodeError
from typing import Any

from pydantic_core import to_json

from nextlabel.import_export.importing.import_rows import (
    Entry,
    Fault,
    Found,
    How,
    NoSense,
    Reading,
    moment,
    name_of,
    said_by,
    shortly,
)
from nextlabel.import_export.json_stream import members, parse
from nextlabel.import_export.text_reader import Text
from nextlabel.store.labels import Label, LabelEvent

_FIELDS = {"id", "file", "candidates", "label", "value", "skip", "retract", "annotator", "time", "created_at", "key"}


def read(text: Text, reading: Reading) -> Iterator[Found]:
    """Yield a label for every line."""
    del reading
    for line in text.lines():
        if not line.strip():
            continue
        number = text.line
        try:
            value = parse(line)
        except JSONDecodeError as error:
            yield Fault(number, f"this is not JSON: {error.msg} (column {error.colno})")
        except RecursionError:
            yield Fault(number, "this is not JSON: it is nested too deep")
        except ValueError:
            yield Fault(number, "this is not JSON that can be read: a number has too many digits")
        else:
            yield entry(number, value)


def read_document(text: Text, reading: Reading) -> Iterator[Found]:
    """Yield a label for every entry of the document that `GET /labels` answers without a format."""
    del reading
    for member in members(text):
        if member.key == "labels":
            yield entry(member.line, member.value)


def entry(line: int, value: Any) -> Found:
    """Return the label that an object says."""
    if not isinstance(value, dict):
        return Fault(line, f"a label is an object, not {shortly(value)}")
    unknown = [name for name in value if name not in _FIELDS]
    if unknown:
        return Fault(line, f"no field of a label is called {unknown[0]!r}; valid: {', '.join(sorted(_FIELDS))}")
    try:
        how: How = "id" if value.get("id") is not None else "file"
        item = name_of(value.get(how), how)
        if item is None:
            return Fault(line, "it names no item: give its `id`, or its `file`")
        when = value.get("time", value.get("created_at"))
        who, key = name_of(value.get("annotator"), "annotator"), name_of(value.get("key"), "key")
        return Entry(line, item, how, said_by(value), who, moment(when), key)
    except NoSense as error:
        return Fault(line, str(error))


def write(rows: Iterator[LabelEvent]) -> Iterator[str]:
    """Yield a line a label."""
    for row in rows:
        yield dumps(fields(row)) + "\n"


def fields(row: LabelEvent) -> dict[str, Any]:
    """Return a label as an object; of candidates, value, skip and retract just one is in it."""
    return {"id": row.item, "annotator": row.annotator, **content(row.label), "time": row.time, "key": row.key}


def content(row: Label) -> dict[str, Any]:
    """Return what a label says, as the one field of it that is there."""
    if row.candidates is not None:
        return {"candidates": row.candidates}
    if row.value is not None:
        return {"value": row.value}
    return {"skip": True} if row.skip else {"retract": True}


def dumps(value: Any) -> str:
    """Return JSON on one line, numbers written as over HTTP."""
    return to_json(value, inf_nan_mode="null").decode()
