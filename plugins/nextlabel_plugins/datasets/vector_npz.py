"""Reads a table of vectors from the arrays of an .npz file, as `numpy.savez` writes them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from nextlabel.contracts import FloatArray
from nextlabel.contracts.errors import ProjectError, suggest
from nextlabel_plugins.datasets.vector_table import VectorTable

IDS, LABELS = "ids", "labels"
"""Names of the arrays that are used by default, if the file has them."""
NUMBERS, WHOLE, TEXT = "fiu", "iu", "U"
"""Kinds of numpy types."""


@dataclass(frozen=True)
class NpzReader:
    """Reads one file; `regression` is whether its labels are values instead of class names."""

    file: Path
    vectors: str
    identity: str
    label: str
    regression: bool

    def read(self) -> VectorTable:
        """Return the table. Raises ProjectError for a file that is not as expected; nothing is unpickled."""
        try:
            with NpzFile(self.file, allow_pickle=False) as arrays:  # type: ignore[arg-type] # it takes a path too
                return self._read(arrays)
        except (ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ProjectError(f"{self.file} is no .npz file of plain arrays: {error}") from error

    def _read(self, arrays: NpzFile) -> VectorTable:
        vectors = self._named(arrays, self.vectors)
        if vectors.ndim != 2 or vectors.dtype.kind not in NUMBERS or not vectors.shape[1]:  # noqa: PLR2004
            raise ProjectError(
                f"{self.file}: the array {self.vectors!r} must hold real numbers (n, d), not {_kind(vectors)}"
            )
        ids = self._array(arrays, self.identity, IDS)
        labels = self._array(arrays, self.label, LABELS)
        with np.errstate(over="ignore"):  # becomes infinite, which `check` refuses
            numbers = vectors.astype(np.float32)
        count, name = len(vectors), self.label or LABELS
        table = VectorTable(
            self.file,
            tuple(str(column) for column in range(vectors.shape[1])),
            numbers,
            [str(row) for row in range(count)] if ids is None else self._text(ids, self.identity or IDS, count),
            names=None if labels is None or self.regression else self._text(labels, name, count),
            values=None if labels is None or not self.regression else self._values(labels, name, count),
        )
        table.check()
        return table

    def _array(self, arrays: NpzFile, name: str, default: str) -> np.ndarray[Any, Any] | None:
        """Return an array; None if none was named and there is none of the default name."""
        if name:
            return self._named(arrays, name)
        return np.asarray(arrays[default]) if default in arrays.files else None

    def _named(self, arrays: NpzFile, name: str) -> np.ndarray[Any, Any]:
        if name not in arrays.files:
            raise ProjectError(f"{self.file} has no array {name!r}; {suggest(name, arrays.files)}")
        return np.asarray(arrays[name])

    def _values(self, labels: np.ndarray[Any, Any], name: str, size: int) -> FloatArray:
        if labels.shape != (size,) or labels.dtype.kind not in NUMBERS or np.isinf(labels).any():
            raise ProjectError(
                f"{self.file}: the array {name!r} must hold {size} numbers, NaN where the value is unknown, "
                f"none of them infinite, not {_kind(labels)}"
            )
        return labels.astype(np.float64)

    def _text(self, array: np.ndarray[Any, Any], name: str, size: int) -> list[str]:
        if array.shape != (size,) or array.dtype.kind not in TEXT + WHOLE:
            raise ProjectError(
                f"{self.file}: the array {name!r} must hold {size} texts or whole numbers, not {_kind(array)}"
            )
        return [str(value) for value in array.tolist()]


def _kind(array: np.ndarray[Any, Any]) -> str:
    return f"{array.dtype} {array.shape}"
