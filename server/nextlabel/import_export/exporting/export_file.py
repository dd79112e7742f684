"""Exports a project's labels, images or model to a file or folder that appears whole, or not at all."""

from __future__ import annotations

from pathlib import Path

from nextlabel.contracts.errors import Unprocessable, suggest
from nextlabel.import_export.exporting.snapshot import Exported, Snapshot, WriteOptions
from nextlabel.import_export.registry import WRITABLE
from nextlabel.store.atomic import new_file, new_folder


def export_file(snapshot: Snapshot, form: str, path: Path, options: WriteOptions, *, replace: bool = False) -> Exported:
    """Write `path`; with `replace`, an earlier export gives way.

    Raises Conflict if `path` exists and may not be replaced, Unprocessable if the format is unknown or does
    not fit, and NotReady if there is no model that is required.
    """
    if form not in WRITABLE:
        raise Unprocessable(f"no format {form!r}; {suggest(form, list(WRITABLE))}")
    target = WRITABLE[form]
    assert target.write is not None
    unfinished = (
        new_folder(path, replace=replace, ours=target.is_export)
        if target.writes_folder
        else new_file(path, replace=replace)
    )
    with unfinished as part:
        return target.write(snapshot, part, options)
