"""The data that plugins receive and return: items, targets, model outputs, pools and data set contents.

Letters in shapes: n items, C classes, D embedding dimensions, T posterior samples, m edges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nextlabel.contracts.errors import PluginError

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.int64]
NumberArray: TypeAlias = NDArray[np.number[Any]]
BoolArray: TypeAlias = NDArray[np.bool_]
PixelArray: TypeAlias = NDArray[np.uint8]

Task = Literal["classification", "regression"]
Need = Literal["probabilities", "embeddings", "samples", "covered_embeddings", "labelled_embeddings", "std"]
"""The arrays of a pool. `labelled_embeddings` is the former name of `covered_embeddings`."""


@runtime_checkable
class ImageItems(Protocol):
    """Images that are decoded only when `pixels` is called."""

    @property
    def size(self) -> tuple[int, int] | None:
        """The common (height, width) of images stored in an array, or None; image files have none."""
        ...

    @property
    def channels(self) -> int:
        """1 for greyscale, 3 for colour."""
        ...

    def __len__(self) -> int: ...

    def take(self, positions: IntArray) -> ImageItems:
        """Return the images at `positions` (n,), still undecoded."""
        ...

    def pixels(self, size: tuple[int, int], channels: int) -> PixelArray:
        """Return all images as (n, height, width, channels), upright, resized and cropped to the centre.

        `/predict` prepares an upload in exactly the same way.
        """
        ...


class VectorItems:
    """Feature vectors of n items: the rows of an array, which may be on disk, or some of them.

    Rows are read when `vectors` is first used. With many items, use `take` or `batches` to read
    only the rows that you need.
    """

    def __init__(self, vectors: FloatArray, positions: IntArray | None = None) -> None:
        """`vectors` is (m, d); `positions` (n,) are the items' rows in it, all of them in order if None."""
        self._array = vectors
        self._positions = positions

    def __len__(self) -> int:
        return len(self._array if self._positions is None else self._positions)

    @property
    def dimensions(self) -> int:
        """Length of a vector, d."""
        return int(self._array.shape[1])

    @cached_property
    def vectors(self) -> FloatArray:
        """(n, d) float32. Half precision, as on disk, is converted, which reads all n rows into memory."""
        rows = self._array if self._positions is None else self._array[self._positions]
        return rows.astype(np.float32) if rows.dtype == np.float16 else rows

    def take(self, positions: IntArray) -> VectorItems:
        """Return the items at `positions` (k,), or where a mask (n,) is True, without reading their vectors yet."""
        positions = np.asarray(positions)
        if positions.dtype == np.bool_:
            positions = np.flatnonzero(positions)
        return VectorItems(self._array, positions if self._positions is None else self._positions[positions])

    def batches(self, size: int = 16_384) -> Iterator[FloatArray]:
        """Yield the vectors in order, (size, d) float32 at a time; the last batch may be smaller."""
        for start in range(0, len(self), size):
            yield self.take(np.arange(start, min(start + size, len(self)))).vectors


@dataclass(frozen=True)
class GraphItems:
    """The nodes of one graph. A learner always receives the whole graph."""

    features: FloatArray
    """(n, d) float32, one row per node."""
    edges: IntArray
    """(2, m); an undirected edge is listed in both directions. An edge counts as often as it is listed."""

    def __len__(self) -> int:
        return len(self.features)


Items: TypeAlias = ImageItems | VectorItems | GraphItems


@dataclass(frozen=True)
class Targets:
    """Resolved labels as an array, either `candidates` or `values`.

    A row of `candidates` with one class is a full label, one with several classes is a partial
    label, and one with all classes is an unlabelled item. Held-out items appear as unlabelled.
    """

    candidates: BoolArray | None = None
    """(n, C): True for each class that an item could be."""
    values: FloatArray | None = None
    """(n,) float64, for regression; NaN if unknown."""

    def __post_init__(self) -> None:
        if (self.candidates is None) == (self.values is None):
            raise ValueError("targets need either candidates or values, not both")
        if self.candidates is not None and not self.candidates.any(axis=1).all():
            raise ValueError("an item has no candidate class; an unlabelled item has every class")

    def __len__(self) -> int:
        return len(self.values if self.candidates is None else self.candidates)  # type: ignore[arg-type]

    @property
    def labelled(self) -> BoolArray:
        """(n,): whether the item has a label, so that its candidates are not all classes."""
        if self.candidates is None:
            assert self.values is not None
            return np.asarray(~np.isnan(self.values))
        return np.asarray(~self.candidates.all(axis=1))

    def take(self, positions: IntArray) -> Targets:
        """Return the targets at `positions` (n,)."""
        if self.candidates is not None:
            return Targets(candidates=self.candidates[positions])
        assert self.values is not None
        return Targets(values=self.values[positions])


@dataclass(frozen=True)
class Outputs:
    """A model's outputs for n items; None for outputs that were not requested or that it does not provide."""

    probabilities: FloatArray | None = None
    """(n, C); each row sums to one."""
    embeddings: FloatArray | None = None
    """(n, D)."""
    samples: FloatArray | None = None
    """(T, n, C): probabilities of T draws from the posterior, or of T members of a committee."""
    mean: FloatArray | None = None
    """(n,): predicted values, for regression."""
    std: FloatArray | None = None
    """(n,): standard deviations of the predicted values, for regression."""


@runtime_checkable
class RowReader(Protocol):
    """Arrays of a pool that can read some rows without the others; the engine's can."""

    def rows(self, need: Need, positions: IntArray) -> FloatArray:
        """Return the rows of an array at `positions` (k,) in the pool."""
        ...


class Pool:
    """The n open items that a strategy chooses from, with only the arrays that its record declares as needs.

    An array is gathered from disk when it is first read. If a strategy needs only some items of a
    large pool, `rows` reads those alone. All arrays are read-only.
    """

    def __init__(
        self,
        size: int,
        arrays: Mapping[Need, FloatArray] | None = None,
        candidates: BoolArray | Callable[[], BoolArray] | None = None,
        *,
        positions: IntArray | None = None,
        prepared: Mapping[str, NumberArray] | None = None,
        covered_prepared: Mapping[str, NumberArray] | None = None,
        new_embeddings: Callable[[], FloatArray] | None = None,
        labelled_candidates: Callable[[], BoolArray] | None = None,
    ) -> None:
        self.size = size
        """Number of items, n."""
        self.arrays: Mapping[Need, FloatArray] = {} if arrays is None else arrays
        """The arrays by name."""
        self.prepared: Mapping[str, NumberArray] = {} if prepared is None else prepared
        """The rows (n, ...) of the arrays that the strategy's `prepare` and `summarize` returned, by name.

        Empty if they were not called, as for a pool without scores."""
        self.covered_prepared: Mapping[str, NumberArray] = {} if covered_prepared is None else covered_prepared
        """The rows (c, ...) of the same arrays for the covered items, in the order of `covered_embeddings`."""
        self._candidates = candidates
        self._positions = positions
        self._new_embeddings = new_embeddings
        self._labelled_candidates = labelled_candidates

    @cached_property
    def candidates(self) -> BoolArray | None:
        """(n, C): True for each class that an item could still be; None for regression."""
        return self._candidates() if callable(self._candidates) else self._candidates

    @cached_property
    def positions(self) -> IntArray:
        """(n,): each item's row in the whole pool, ascending. It stays the same from query to query."""
        return np.arange(self.size) if self._positions is None else self._positions

    @cached_property
    def labelled_candidates(self) -> BoolArray | None:
        """(l, C): the candidate set of each labelled item outside the hold-out, partial ones included.

        None for regression. Rows with one class count the full labels of each class.
        """
        if self._labelled_candidates is not None:
            return self._labelled_candidates()
        return None if self.candidates is None else np.empty((0, self.candidates.shape[1]), np.bool_)

    @property
    def probabilities(self) -> FloatArray:
        """(n, C), renormalised over each item's candidates.

        Before the first model they are uniform, or (n, B), those of the backbone's own B classes, if
        the project's backbone provides them.
        """
        return self._get("probabilities")

    @property
    def embeddings(self) -> FloatArray:
        """(n, D)."""
        return self._get("embeddings")

    @property
    def covered_embeddings(self) -> FloatArray:
        """(c, D): embeddings of the covered items.

        An item is covered if it is labelled, or leased to an annotator, so that another item near it
        would add little. Items of this pool are never covered, nor are held-out ones.
        """
        return self._get(self._covered)

    @property
    def labelled_embeddings(self) -> FloatArray:
        """(c, D): the former name of `covered_embeddings`."""
        return self._get("covered_embeddings" if "covered_embeddings" in self.arrays else "labelled_embeddings")

    @property
    def new_embeddings(self) -> FloatArray:
        """(f, D): embeddings of the covered items that `prepare` did not receive as covered.

        These are the items that were labelled or leased since; all covered items if `prepared` is empty.
        Needs `covered_embeddings`.
        """
        if self._new_embeddings is None:
            return self.covered_embeddings
        self._check_declared(self._covered)
        return self._new_embeddings()

    @property
    def samples(self) -> FloatArray:
        """(T, n, C)."""
        return self._get("samples")

    @property
    def std(self) -> FloatArray:
        """(n,)."""
        return self._get("std")

    def rows(self, need: Need, positions: IntArray) -> FloatArray:
        """Return the rows (k, ...) of an array at `positions` (k,) in this pool; samples are (T, k, C).

        Reads no other row from disk.
        """
        self._check_declared(need)
        if isinstance(self.arrays, RowReader):
            return self.arrays.rows(need, positions)
        array = self.arrays[need]
        return array[:, positions] if need == "samples" else array[positions]

    @property
    def _covered(self) -> Need:
        return "labelled_embeddings" if "labelled_embeddings" in self.arrays else "covered_embeddings"

    def _get(self, need: Need) -> FloatArray:
        self._check_declared(need)
        return self.arrays[need]

    def _check_declared(self, need: Need) -> None:
        if need not in self.arrays:
            declared = ", ".join(sorted(self.arrays)) or "nothing"
            raise PluginError(f"the strategy uses {need!r} without declaring it; its record declares {declared}")


@dataclass(frozen=True)
class Selection:
    """A strategy's choice: `positions` (k,) in the pool, best first, and their `scores` (k,)."""

    positions: IntArray
    scores: FloatArray


@dataclass(frozen=True)
class Pixels:
    """Images of one size in memory: uint8, (n, height, width) greyscale or (n, height, width, 3) colour."""

    array: PixelArray


@dataclass(frozen=True)
class Files:
    """Images of any size, one per file; `channels` is 3, or 1 to read all of them as greyscale."""

    paths: Sequence[Path]
    channels: int = 3


Content: TypeAlias = Pixels | Files | VectorItems | GraphItems


@dataclass(frozen=True)
class TestSplit:
    """A data set's own test items, which never become part of the pool."""

    __test__ = False

    content: Content
    truth: IntArray | FloatArray
    """(n,): class numbers, or values for regression."""


@dataclass(frozen=True)
class Contents:
    """The contents of a data set."""

    ids: Sequence[str]
    """n distinct names, such as indices or paths, in the order of the arrays."""
    content: Content
    classes: tuple[str, ...] = ()
    """C class names; empty for regression."""
    truth: IntArray | FloatArray | None = None
    """(n,): class numbers (-1 if unknown), or values (NaN if unknown)."""
    candidates: BoolArray | None = None
    """(n, C): candidate sets that the data set provides, stored as labels by the annotator `dataset`."""
    initial: IntArray | None = None
    """Positions that are labelled from the start; if None, they are drawn by the seed."""
    holdout: IntArray | None = None
    """Positions that are never trained on; if None, they are drawn by the seed."""
    test: TestSplit | None = None

    @property
    def task(self) -> Task:
        """Classification if there are classes, else regression."""
        return "classification" if self.classes else "regression"
