"""The data that plugins receive and return: items, targets, model outputs, pools and data set contents.

Letters in shapes: n items, C classes, D embedding dimensions, T posterior samples, m edges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nextlabel.contracts.errors import PluginError

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
PixelArray: TypeAlias = NDArray[np.uint8]

Task = Literal["classification", "regression"]
Need = Literal["probabilities", "embeddings", "samples", "labelled_embeddings", "std"]


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


@dataclass(frozen=True)
class VectorItems:
    """Feature vectors."""

    vectors: FloatArray
    """(n, d) float32."""

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, positions: IntArray) -> VectorItems:
        """Return the vectors at `positions` (n,)."""
        return VectorItems(self.vectors[positions])


@dataclass(frozen=True)
class GraphItems:
    """The nodes of one graph. A learner always receives the whole graph."""

    features: FloatArray
    """(n, d) float32, one row per node."""
    edges: IntArray
    """(2, m); an undirected edge is listed in both directions."""

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


@dataclass(frozen=True)
class Pool:
    """The n open items that a strategy chooses from, with only the arrays that its record declares as needs."""

    size: int
    """Number of items, n."""
    arrays: Mapping[Need, FloatArray] = field(default_factory=dict)
    candidates: BoolArray | None = None
    """(n, C): True for each class that an item could still be; None for regression."""

    @property
    def probabilities(self) -> FloatArray:
        """(n, C), renormalised over each item's candidates; uniform if there is no model yet."""
        return self._get("probabilities")

    @property
    def embeddings(self) -> FloatArray:
        """(n, D)."""
        return self._get("embeddings")

    @property
    def labelled_embeddings(self) -> FloatArray:
        """(l, D): embeddings of the l labelled items."""
        return self._get("labelled_embeddings")

    @property
    def samples(self) -> FloatArray:
        """(T, n, C)."""
        return self._get("samples")

    @property
    def std(self) -> FloatArray:
        """(n,)."""
        return self._get("std")

    def _get(self, need: Need) -> FloatArray:
        if need not in self.arrays:
            declared = ", ".join(sorted(self.arrays)) or "nothing"
            raise PluginError(f"the strategy uses {need!r} without declaring it; its record declares {declared}")
        return self.arrays[need]


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
