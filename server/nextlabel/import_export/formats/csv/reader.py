"""CSV: the history as `nextlabel export` writes it, users' own tables, and Label Studio's."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nextlabel.contracts.errors import BadRequest, Unprocessable, suggest
from nextlabel.import_export.formats.label_studio import table
from nextlabel.import_export.importing.rows import Fault, ImportRow, ReadContext, shortened
from nextlabel.import_export.label_fields import COLUMN_NAMES, LABEL_FIELDS, to_row
from nextlabel.import_export.text_files import text_lines

_LONGEST_CELL = 16_000_000
"""Characters: a set of thousands of classes is longer than the limit of Python's csv."""
_FLAGS = {"true": True, "1": True, "yes": True, "": False, "false": False, "0": False, "no": False}
_Parse = Callable[[str, Mapping[str, str]], ImportRow]
"""Returns the row of a place and its cells by column. Raises Unprocessable."""


def read(path: Path, context: ReadContext) -> Iterator[ImportRow | Fault]:
    """Yield one label per row. Raises BadRequest if the header names no known column or a quote is not closed."""
    lines = text_lines(path)
    start, header = next(((number, line) for number, line in enumerate(lines, 1) if line.strip()), (0, ""))
    if not header:
        raise BadRequest(f"{path.name} is empty")
    number = start + 1
    with _long_cells():
        try:
            delimiter = context.options.delimiter or _delimiter(header)
            names = [name.strip() for name in _split(header, delimiter)]
            parse = table.parser(path.name, names, context) or _parser(path.name, names, context)
            rows = csv.reader(lines, delimiter=delimiter, strict=True)
            for cells in rows:
                if any(cell.strip() for cell in cells):
                    yield _row(f"line {number}", names, cells, parse)
                number = start + 1 + rows.line_num
        except csv.Error as error:
            raise BadRequest(f"{path.name}, the row that begins in line {number}: {error}") from None


def _split(header: str, delimiter: str) -> list[str]:
    return next(csv.reader([header], delimiter=delimiter), [])


def _delimiter(header: str) -> str:
    """Return the delimiter that shows most columns with a known name."""
    return max(",;\t", key=lambda mark: sum(name.strip().lower() in COLUMN_NAMES for name in _split(header, mark)))


def _row(location: str, names: Sequence[str], cells: Sequence[str], parse: _Parse) -> ImportRow | Fault:
    if len(cells) != len(names):
        return Fault(location, f"{len(cells)} cells, but the header names {len(names)} columns")
    try:
        return parse(location, dict(zip(names, cells, strict=True)))
    except Unprocessable as error:
        return Fault(location, str(error))


def _parser(file: str, names: Sequence[str], context: ReadContext) -> _Parse:
    columns: dict[str, str] = {}
    for name in names:
        field = COLUMN_NAMES.get(name.lower())
        if field is not None and columns.setdefault(field, name) == name and names.count(name) > 1:
            raise BadRequest(f"{file}: several columns are called {name!r}")
    shown = shortened(",".join(names))
    if not {"id", "file"} & set(columns):
        raise BadRequest(f"{file}: the header must name the columns, `id` or `file` among them; it is {shown}")
    if not set(LABEL_FIELDS) & set(columns):
        unknown = next((name for name in names if name.lower() not in COLUMN_NAMES), "")
        hint = suggest(unknown, list(COLUMN_NAMES))
        raise BadRequest(f"{file}: none of the columns {shown} holds the labels; {hint}")
    unread = [shortened(name) for name in names if name not in columns.values()]
    if unread:
        context.note(f"columns that are not read: {', '.join(unread)}")

    def parse(location: str, cells: Mapping[str, str]) -> ImportRow:
        return to_row(location, {field: _parse_cell(field, cells[name]) for field, name in columns.items()}, context)

    return parse


def _parse_cell(field: str, cell: str) -> Any:
    if not cell or (field in {"value", "skip", "retract"} and not cell.strip()):
        return None
    if field == "candidates" and cell.startswith("["):
        try:
            return json.loads(cell)
        except ValueError:
            return cell
    if field == "value":
        try:
            return float(cell)
        except ValueError:
            raise Unprocessable(f"{shortened(cell)} is not a number") from None
    if field in {"skip", "retract"}:
        if cell.strip().lower() not in _FLAGS:
            raise Unprocessable(f"{field} must be true or empty, not {shortened(cell)}")
        return _FLAGS[cell.strip().lower()]
    return cell


@contextmanager
def _long_cells() -> Iterator[None]:
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(limit)
