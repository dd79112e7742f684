"""CSV: the history as `GET /labels?format=csv` writes it, and the tables that people keep by hand."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO

from nextlabel.contracts.errors import BadRequest, suggest
from nextlabel.import_export.importing.import_rows import (
    Entry,
    Fault,
    Found,
    NoSense,
    Reading,
    Said,
    moment,
    name_of,
    said_by,
    said_value,
    shortly,
)
from nextlabel.import_export.json_stream import parse
from nextlabel.import_export.text_reader import LONGEST, Text
from nextlabel.store.labels import LabelEvent

COLUMNS = ("id", "annotator", "candidates", "value", "skip", "retract", "time", "key")
_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "item"),
    "file": ("file", "filename", "file_name", "path", "image"),
    "candidates": ("candidates",),
    "label": ("label", "labels", "class", "classes"),
    "value": ("value",),
    "skip": ("skip",),
    "retract": ("retract",),
    "annotator": ("annotator",),
    "time": ("time", "created_at"),
    "key": ("key",),
}
"""What a column may be called, in any case."""
_DELIMITERS = ",;\t"
_YES = {"true": True, "1": True, "yes": True, "": False, "false": False, "0": False, "no": False}


def read(text: Text, reading: Reading) -> Iterator[Found]:
    """Yield a label for every row; BadRequest if the header names no known column or a quote does not close."""
    lines = text.lines()
    header = next((line for line in lines if line.strip()), None)
    if header is None:
        raise BadRequest(f"{text.path.name} is empty")
    if "\r" in header.rstrip("\r\n"):
        raise BadRequest(f"{text.path.name}: its lines end with CR alone, or a name holds one; save it with LF or CRLF")
    limit = csv.field_size_limit(LONGEST)
    try:
        delimiter = reading.delimiter or max(_DELIMITERS, key=lambda mark: len(_columns(_split(header, mark))))
        columns = _columns(_split(header, delimiter))
        _check(text.path.name, columns, header)
        names = _split(header, delimiter)
        other = [shortly(name) for place, name in enumerate(names) if place not in columns.values()]
        if other:
            reading.note(f"columns that are not read: {', '.join(other)}")
        start = text.line + 1
        rows = csv.reader(lines, delimiter=delimiter, strict=True)
        for cells in rows:
            if any(cell.strip() for cell in cells):
                yield _row(start, cells, columns, len(names))
            start = text.line + 1
    except csv.Error as error:
        raise BadRequest(f"{text.path.name}, the row from line {start} on: {error}") from None
    finally:
        csv.field_size_limit(limit)


def write(rows: Iterator[LabelEvent]) -> Iterator[str]:
    """Yield a header and a row a label; candidates stand as a JSON list, which any class name survives."""
    yield ",".join(COLUMNS) + "\r\n"
    for row in rows:
        label = row.label
        sets = None if label.candidates is None else json.dumps(label.candidates, ensure_ascii=False)
        flags = ("true" if label.skip else "", "true" if label.retract else "")
        yield line((row.item, row.annotator, sets, label.value, *flags, repr(row.time), row.key))


def line(cells: Sequence[object]) -> str:
    """Return one row of a table."""
    out = StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _split(header: str, delimiter: str) -> list[str]:
    return next(csv.reader([header], delimiter=delimiter), [])


def _columns(names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        plain = name.strip().lower()
        for column, called in _NAMES.items():
            if plain in called:
                found.setdefault(column, place)
    return found


def _check(name: str, columns: Mapping[str, int], header: str) -> None:
    known = [called for names in _NAMES.values() for called in names]
    shown = shortly(header.strip())
    if not {"id", "file"} & set(columns):
        raise BadRequest(f"{name}: the first line must name the columns, `id` or `file` among them; it is {shown}")
    if not {"candidates", "label", "value", "skip", "retract"} & set(columns):
        first = next((word.strip() for word in header.split(",")[1:] if word.strip().lower() not in known), "")
        raise BadRequest(f"{name}: no column says what the items are, in {shown}; {suggest(first, known)}")


def _row(line: int, cells: list[str], columns: Mapping[str, int], width: int) -> Found:
    if len(cells) != width:
        return Fault(line, f"{len(cells)} cells, and the first line names {width} columns")
    given = {name: cells[place] for name, place in columns.items()}
    try:
        item, by = (given["id"], "id") if given.get("id") else (given.get("file", ""), "file")
        if not item:
            return Fault(line, "it names no item")
        return Entry(
            line,
            item,
            "id" if by == "id" else "file",
            _said(given),
            name_of(given.get("annotator"), "annotator"),
            moment(given.get("time")),
            name_of(given.get("key"), "key"),
        )
    except NoSense as error:
        return Fault(line, str(error))


def _said(given: Mapping[str, str]) -> Said:
    fields: dict[str, object] = {}
    for name in ("candidates", "label"):
        if given.get(name):
            fields[name] = _set(given[name]) if name == "candidates" else given[name]
    if given.get("value", "").strip():
        fields["value"] = _number(given["value"]).value
    for name in ("skip", "retract"):
        word = given.get(name, "").strip().lower()
        if word not in _YES:
            raise NoSense(f"{name} is true or empty, not {shortly(given[name])}")
        fields[name] = _YES[word]
    return said_by(fields)


def _set(cell: str) -> object:
    try:
        return parse(cell) if cell.startswith("[") else cell
    except ValueError:
        return cell


def _number(cell: str) -> Said:
    try:
        return said_value(float(cell))
    except ValueError:
        raise NoSense(f"{shortly(cell)} is no number") from None
