"""Rows set aside on disk between two passes over a file, so that memory does not grow with it."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Generic, TypeVar

from nextlabel.import_export.importing.import_rows import Entry, Said, SaidLabel

R = TypeVar("R")
_LAST = 1 << 62


@dataclass
class _Spool(Generic[R]):
    folder: Path
    count: int = 0
    _file: IO[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._file = TemporaryFile(dir=self.folder)  # noqa: SIM115 - close() ends it

    def close(self) -> None:
        """Forget the rows."""
        self._file.close()

    def _put(self, row: tuple[Any, ...]) -> None:
        self._file.write(json.dumps(row).encode() + b"\n")
        self.count += 1

    def _lines(self) -> Iterator[Any]:
        self._file.seek(0)
        return (json.loads(line) for line in self._file)


class Rows(_Spool[SaidLabel]):
    """Labels to store, in order."""

    def add(self, row: SaidLabel) -> None:
        """Set a label aside."""
        said = (row.kind, row.candidates, row.value)
        self._put((row.position, row.annotator, *said, row.time, row.key))

    def __iter__(self) -> Iterator[SaidLabel]:
        for position, annotator, kind, candidates, *rest in self._lines():
            yield SaidLabel(position, annotator, kind, None if candidates is None else tuple(candidates), *rest)


class Ordered(_Spool[Entry]):
    """Entries of a file, given back in the order of the history they come from; others behind it, by their times."""

    _starts: array[int]
    _orders: array[int]
    _times: array[float]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._starts, self._orders, self._times = array("q"), array("q"), array("d")

    def add(self, entry: Entry) -> None:
        """Set an entry aside."""
        self._starts.append(self._file.tell())
        self._orders.append(_LAST if entry.order is None else entry.order)
        self._times.append(0.0 if entry.order is not None or entry.time is None else entry.time)
        self._put(astuple(entry))

    def __iter__(self) -> Iterator[Entry]:
        for number in sorted(range(self.count), key=lambda number: (self._orders[number], self._times[number])):
            self._file.seek(self._starts[number])
            line, item, how, said, *rest = json.loads(self._file.readline())
            yield Entry(line, item, how, said and _said(*said), *rest)


def _said(kind: Any, candidates: list[str] | None, value: float | None, written: str | None) -> Said:
    return Said(kind, None if candidates is None else tuple(candidates), value, written)
