"""The interface of a file format.

To add a format, write `formats/<name>/writer.py` with a `write` function, a `reader.py` with a `read`
function if the format is imported too, and add one `Format` to `registry.py`. The command line follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from nextlabel.import_export.exporting.snapshot import Exported, Snapshot, WriteOptions
from nextlabel.import_export.importing.rows import Fault, ImportRow, ReadContext

Reader: TypeAlias = Callable[[Path, ReadContext], Iterable[ImportRow | Fault]]
"""Yields the rows of a file or folder, in the order in which they are stored.

A part that is no label is a Fault with its place. Raises BadRequest if the file is not of the format.
"""
Writer: TypeAlias = Callable[[Snapshot, Path, WriteOptions], Exported]
"""Writes a project to a new file, or into an empty folder. Raises Unprocessable if the format cannot hold it."""
Option: TypeAlias = Literal["resolved", "predictions", "copy-images", "image-prefix", "checkpoint"]


def _never(path: Path) -> bool:
    del path
    return False


@dataclass(frozen=True)
class Format:
    """A file format by name."""

    name: str
    read: Reader | None = None
    """None: it is not imported."""
    suffixes: tuple[str, ...] = ()
    """The suffixes of files that are read as this format."""
    top_level: Literal["array", "object"] | None = None
    """The top level of a JSON file of this format, if other formats have the same suffix."""
    document: str | None = None
    """The file that is read of an exported folder."""
    reads_folder: bool = False
    """Whether a folder itself is read."""
    write: Writer | None = None
    """None: it is not exported."""
    writes_folder: bool = False
    """Whether a folder is written, rather than a file."""
    is_export: Callable[[Path], bool] = _never
    """Whether a folder is an earlier export, which the next one may replace."""
    printable: bool = False
    """Whether the file is text that can be printed."""
    needs_pool: bool = True
    """Whether the data set must have been read before an export."""
    options: frozenset[Option] = frozenset()
    """The options of an export that apply to this format."""
