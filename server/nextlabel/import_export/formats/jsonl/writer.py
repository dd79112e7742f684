"""JSON Lines: the history with one label per line, or one resolved item per line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from nextlabel.import_export.exporting.resolved_rows import resolved_rows
from nextlabel.import_export.exporting.snapshot import Exported, Snapshot, WriteOptions, counted
from nextlabel.import_export.label_fields import to_fields
from nextlabel.import_export.text_files import dumps
from nextlabel.store.labels import LabelEvent


def write(snapshot: Snapshot, path: Path, options: WriteOptions) -> Exported:
    """Write a file."""
    exported = Exported()
    with path.open("w", encoding="utf-8", newline="") as file:
        if options.resolved:
            rows = resolved_rows(snapshot, everything=options.everything, predictions=options.predictions)
            file.writelines(dumps(row) + "\n" for row in counted(rows, exported, "items"))
        else:
            file.writelines(history_lines(counted(snapshot.history(), exported, "labels")))
    return exported


def history_lines(events: Iterable[LabelEvent]) -> Iterator[str]:
    """Yield one line per label."""
    for event in events:
        yield dumps(to_fields(event)) + "\n"
