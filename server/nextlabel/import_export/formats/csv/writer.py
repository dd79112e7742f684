"""CSV: the history with one label per row, or one resolved item per row. Lists are written as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from nextlabel.import_export.exporting.resolved_rows import COLUMNS as RESOLVED_COLUMNS
from nextlabel.import_export.exporting.resolved_rows import PREDICTION_COLUMNS, resolved_rows
from nextlabel.import_export.exporting.snapshot import Exported, Snapshot, WriteOptions, counted
from nextlabel.import_export.label_fields import COLUMNS, to_fields
from nextlabel.import_export.text_files import dumps
from nextlabel.store.labels import LabelEvent


def write(snapshot: Snapshot, path: Path, options: WriteOptions) -> Exported:
    """Write a file."""
    exported = Exported()
    with path.open("w", encoding="utf-8", newline="") as file:
        if options.resolved:
            rows = resolved_rows(snapshot, everything=options.everything, predictions=options.predictions)
            columns = RESOLVED_COLUMNS + (PREDICTION_COLUMNS if options.predictions else ())
            file.writelines(table_lines(columns, counted(rows, exported, "items")))
        else:
            file.writelines(history_lines(counted(snapshot.history(), exported, "labels")))
    return exported


def history_lines(events: Iterable[LabelEvent]) -> Iterator[str]:
    """Yield a header, then one row per label."""
    yield from table_lines(COLUMNS, map(_history_row, events))


def _history_row(event: LabelEvent) -> dict[str, Any]:
    fields = to_fields(event)
    if "candidates" in fields:
        fields["candidates"] = json.dumps(fields["candidates"], ensure_ascii=False)
    return fields


def table_lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a header, then one line per row."""
    yield _line(columns)
    for row in rows:
        yield _line([_cell(row.get(name)) for name in columns])


def _line(cells: Sequence[object]) -> str:
    text = StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return dumps(value) if isinstance(value, list | tuple | dict) else value
