"""A table of vectors with ids and labels, as a file has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nextlabel.contracts import FloatArray
from nextlabel.contracts.errors import ProjectError


@dataclass(frozen=True)
class VectorTable:
    """The n rows of a file."""

    file: Path
    columns: tuple[str, ...]
    """d names of the columns with numbers."""
    vectors: FloatArray
    """(n, d) float32, all finite."""
    ids: Sequence[str]
    """n distinct ids."""
    names: Sequence[str] | None = None
    """n class names, "" if unknown; None if the file has none."""
    values: FloatArray | None = None
    """(n,) values, NaN if unknown; None if the file has none."""
    lines: Sequence[int] | None = None
    """The line of each row in a text file."""

    def place(self, row: int) -> str:
        """Return the file and the line or row, from 0, of a row, for a message."""
        return f"{self.file}, {self._number(row)}"

    def check(self) -> None:
        """Raise ProjectError if an id is empty or repeated, or a number is not finite in float32."""
        first: dict[str, int] = {}
        for row, identity in enumerate(self.ids):
            if not identity:
                raise ProjectError(f"{self.place(row)}: the id is empty")
            if identity in first:
                raise ProjectError(
                    f"{self.place(row)}: the id {identity!r} is also that of {self._number(first[identity])}"
                )
            first[identity] = row
        if not np.isfinite(self.vectors).all():
            row, column = np.argwhere(~np.isfinite(self.vectors))[0]
            raise ProjectError(
                f"{self.place(int(row))}, column {self.columns[column]!r}: the number is NaN, infinite, or too large"
            )

    def _number(self, row: int) -> str:
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"
