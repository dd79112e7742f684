"""Reads a table of vectors from a CSV file whose first line names the columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NoReturn

import numpy as np

from nextlabel.contracts import FloatArray
from nextlabel.contracts.errors import ProjectError, suggest
from nextlabel_plugins.datasets.vector_table import VectorTable

CELLS_AT_A_TIME = 1 << 19
"""Cells that are held as text."""
ID, LABEL = "id", "label"
"""Names of the columns that are used by default, if the file has them."""


@dataclass(frozen=True)
class CsvReader:
    """Reads one file; `regression` is whether its labels are values instead of class names."""

    file: Path
    identity: str
    label: str
    regression: bool

    def read(self) -> VectorTable:
        """Return the table. Raises ProjectError, with line and column, for a file that is not as expected."""
        try:
            with self.file.open(encoding="utf-8-sig", newline="") as text:
                return self._read(text)
        except UnicodeDecodeError as error:
            raise ProjectError(f"{self.file} is not UTF-8: {error.reason}") from error

    def _read(self, text: Iterator[str]) -> VectorTable:
        rows = self._rows(text)
        _, header = next(rows, (0, []))
        self._check_header(header)
        id_at, label_at = self._position(header, self.identity, ID), self._position(header, self.label, LABEL)
        numbers_at = [position for position in range(len(header)) if position not in (id_at, label_at)]
        if not numbers_at:
            raise ProjectError(f"{self.file} has no column of numbers; its columns are {', '.join(header)}")
        lines: list[int] = []
        ids: list[str] = []
        labels: list[str] = []
        parts: list[FloatArray] = []
        while block := list(islice(rows, max(1, CELLS_AT_A_TIME // len(header)))):
            for line, row in block:
                if len(row) != len(header):
                    raise ProjectError(f"{self.file}, line {line}: {len(row)} columns instead of {len(header)}")
                lines.append(line)
                ids.append(str(len(ids)) if id_at is None else row[id_at])
                if label_at is not None:
                    labels.append(row[label_at])
            parts.append(self._numbers(block, header, numbers_at))
        table = VectorTable(
            self.file,
            tuple(header[position] for position in numbers_at),
            np.concatenate(parts) if parts else np.empty((0, len(numbers_at)), np.float32),
            ids,
            names=None if label_at is None or self.regression else labels,
            values=None if label_at is None or not self.regression else self._values(labels, lines, header[label_at]),
            lines=lines,
        )
        table.check()
        return table

    def _rows(self, text: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield each row that is not empty, with the number of its last line."""
        reader = csv.reader(text, strict=True)
        try:
            for row in reader:
                if row:
                    yield reader.line_num, row
        except csv.Error as error:
            raise ProjectError(f"{self.file}, line {reader.line_num}: {error}") from error

    def _check_header(self, header: Sequence[str]) -> None:
        if not header:
            raise ProjectError(f"{self.file} is empty; its first line must name the columns")
        if all(_is_number(name) for name in header):
            raise ProjectError(f"{self.file}, line 1: the first line must name the columns, but has numbers only")
        repeated = sorted({name for name in header if header.count(name) > 1})
        if repeated:
            raise ProjectError(f"{self.file}, line 1: there are several columns {', '.join(map(repr, repeated))}")

    def _position(self, header: Sequence[str], name: str, default: str) -> int | None:
        """Return the position of a column; None if none was named and there is none of the default name."""
        if name and name not in header:
            raise ProjectError(f"{self.file} has no column {name!r}; {suggest(name, header)}")
        wanted = name or default
        return header.index(wanted) if wanted in header else None

    def _numbers(self, block: list[tuple[int, list[str]]], header: Sequence[str], at: Sequence[int]) -> FloatArray:
        """Return the numbers (k, d) of some rows."""
        try:
            with np.errstate(over="ignore"):  # becomes infinite, which `check` refuses
                return np.array([[row[position] for position in at] for _, row in block], np.float64).astype(np.float32)
        except ValueError:
            self._raise_for_text(block, header, at)

    def _raise_for_text(self, block: list[tuple[int, list[str]]], header: Sequence[str], at: Sequence[int]) -> NoReturn:
        for line, row in block:
            for position in at:
                if not _is_number(row[position]):
                    raise ProjectError(
                        f"{self.file}, line {line}, column {header[position]!r}: {row[position]!r} is not a number"
                    )
        raise AssertionError("numpy refused numbers that Python accepts")

    def _values(self, labels: Sequence[str], lines: Sequence[int], column: str) -> FloatArray:
        """Return (n,) values, NaN where the cell is empty."""
        values = np.full(len(labels), np.nan)
        for row, text in enumerate(labels):
            if text:
                if not _is_number(text) or not np.isfinite(float(text)):
                    raise ProjectError(
                        f"{self.file}, line {lines[row]}, column {column!r}: {text!r} is not a finite number; "
                        "leave the cell empty if the value is unknown"
                    )
                values[row] = float(text)
        return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
