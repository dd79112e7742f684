"""What is learnt from: items, and the targets people's labels resolve to.

Shapes: n items, C classes, D embedding dimensions, T posterior samples, m edges.
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
    """Images, decoded only when asked for."""

    @property
    def size(self) -> tuple[int, int] | None:
        """The (height, width) that those in an array share, or None: files have none of their own."""
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
        """Decode all of them to (n, height, width, channels): upright, resized, centre-cropped.

        Exactly as `/predict` prepares an upload.
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
    """Nodes of one graph. A learner always gets the whole graph."""

    features: FloatArray
    """(n, d) float32, one row a node."""
    edges: IntArray
    """(2, m); an undirected edge stands in both directions."""

    def __len__(self) -> int:
        return len(self.features)


Items: TypeAlias = ImageItems | VectorItems | GraphItems


@dataclass(frozen=True)
class Targets:
    """Labels resolved into arrays; exactly one of the two is set.

    One class in a row of `candidates` is a full label, several a partial label, all of them
    an unlabelled item. Items that are held out stand here as unlabelled.
    """

    candidates: BoolArray | None = None
    """(n, C): the classes an item could be."""
    values: FloatArray | None = None
    """(n,) float64: regression; NaN where unknown."""

    def __post_init__(self) -> None:
        if (self.candidates is None) == (self.values is None):
            raise ValueError("targets are candidates or values, one of the two")
        if self.candidates is not None and not self.candidates.any(axis=1).all():
            raise ValueError("an item has no candidate class at all; unlabelled means every class")

    def __len__(self) -> int:
        return len(self.values if self.candidates is None else self.candidates)  # type: ignore[arg-type]

    @property
    def labelled(self) -> BoolArray:
        """(n,): somebody said something of the item (its set is not every class)."""
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
    """What a model says of n items; None where it was not asked or cannot say."""

    probabilities: FloatArray | None = None
    """(n, C), rows sum to one."""
    embeddings: FloatArray | None = None
    """(n, D)."""
    samples: FloatArray | None = None
    """(T, n, C): probabilities by T draws from the posterior, or T members of a committee."""
    mean: FloatArray | None = None
    """(n,): regression."""
    std: FloatArray | None = None
    """(n,): regression, of the prediction."""


@dataclass(frozen=True)
class Pool:
    """The n open items as a strategy sees them: only what it declared it needs is there."""

    size: int
    """n."""
    arrays: Mapping[Need, FloatArray] = field(default_factory=dict)
    candidates: BoolArray | None = None
    """(n, C): the classes each could still be; None for regression."""

    @property
    def probabilities(self) -> FloatArray:
        """(n, C), renormalised over each item's candidates; uniform before any model exists."""
        return self._get("probabilities")

    @property
    def embeddings(self) -> FloatArray:
        """(n, D)."""
        return self._get("embeddings")

    @property
    def labelled_embeddings(self) -> FloatArray:
        """(l, D): the items already labelled."""
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
            had = ", ".join(sorted(self.arrays)) or "nothing"
            raise PluginError(f"the strategy uses {need!r} and did not declare it; its record declares {had}")
        return self.arrays[need]


@dataclass(frozen=True)
class Selection:
    """What a strategy chose: `positions` (k,) into the pool, best first, and their `scores` (k,)."""

    positions: IntArray
    scores: FloatArray


@dataclass(frozen=True)
class Pixels:
    """Images of one size, in memory: (n, height, width) greyscale or (n, height, width, 3), uint8."""

    array: PixelArray


@dataclass(frozen=True)
class Files:
    """Images of any size, each in its own file; `channels` is 3 unless all are to be read as grey."""

    paths: Sequence[Path]
    channels: int = 3


Content: TypeAlias = Pixels | Files | VectorItems | GraphItems


@dataclass(frozen=True)
class TestSplit:
    """A data set's own test items: never part of the pool."""

    __test__ = False

    content: Content
    truth: IntArray | FloatArray
    """(n,): class numbers, or values."""


@dataclass(frozen=True)
class Contents:
    """All that a data set holds."""

    ids: Sequence[str]
    """n distinct names, by index or by path; their order is the order of the arrays."""
    content: Content
    classes: tuple[str, ...] = ()
    """C names; empty for regression."""
    truth: IntArray | FloatArray | None = None
    """(n,): the known class numbers (-1: not known) or values (NaN: not known)."""
    candidates: BoolArray | None = None
    """(n, C): labels the data set gives as sets, stored as labels by the annotator `dataset`."""
    initial: IntArray | None = None
    """Positions labelled from the start, where the data set fixes them (else drawn by seed)."""
    holdout: IntArray | None = None
    """Positions never trained on, where the data set fixes them (else drawn by seed)."""
    test: TestSplit | None = None

    @property
    def task(self) -> Task:
        """Classification where there are classes, else regression."""
        return "classification" if self.classes else "regression"
