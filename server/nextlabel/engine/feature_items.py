"""Items as learners and strategies receive them in a project with a source of features: stored rows, read on demand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.contracts.data import FloatArray, IntArray, VectorItems


class FeatureItems(VectorItems):
    """Embeddings of items, and which of the items could not be read."""

    def __init__(self, embeddings: NDArray[np.float16], rows: IntArray, unreadable: int) -> None:
        """`embeddings` (m, D) has the items at its `rows` (n,); an item with the row `unreadable` could not be read."""
        super().__init__(embeddings, rows)
        self._embeddings, self._rows, self._unreadable = embeddings, rows, unreadable

    @property
    def unreadable(self) -> IntArray:
        """Positions of the items that could not be read."""
        return np.flatnonzero(self._rows == self._unreadable)

    def take(self, positions: IntArray) -> FeatureItems:
        """Return the items at `positions` (k,), without reading their embeddings yet."""
        return FeatureItems(self._embeddings, self._rows[np.asarray(positions)], self._unreadable)


class StoredRows:
    """An array (n, D) whose rows lie scattered in a larger one on disk, and are gathered when they are indexed."""

    ndim = 2
    dtype = np.dtype(np.float32)

    def __init__(self, array: NDArray[np.float16] | NDArray[np.float32], rows: IntArray) -> None:
        """`array` (m, D) has the n rows at `rows`."""
        self._array, self._rows = array, rows
        self.shape = (len(rows), array.shape[1])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> FloatArray:
        """Return rows in single precision; `index` is a number, a slice, positions or a mask."""
        return np.asarray(self._array[self._rows[index]], np.float32)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> FloatArray:
        """Return all rows, which reads them into memory."""
        del copy
        whole = self[:]
        return whole if dtype is None else whole.astype(dtype)


class OwnClasses(StoredRows):
    """Probabilities of a source's own classes, which are not the project's."""
