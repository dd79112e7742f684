"""Small learning problems on images, vectors and graphs, for classification and regression."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from nextlabel.contracts import BoolArray, FloatArray, GraphItems, IntArray, Items, PixelArray, Targets, VectorItems
from nextlabel.contracts.data import Task as Kind
from nextlabel.engine.images.image_items import JoinedItems, PixelItems
from nextlabel.testing.assertions import read_only

SIZE, CLASSES, SIDE = 42, 3, 8
KINDS = ("images", "vectors", "graph")
TASKS: tuple[Kind, ...] = ("classification", "regression")


@dataclass(frozen=True)
class Task:
    """Items with their correct labels; every fourth item is labelled, so that each class has labels."""

    kind: str
    task: Kind
    items: Items
    truth: IntArray
    """(n,) class numbers; in regression, values are these numbers with noise."""
    classes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.task} of {self.kind}"

    @property
    def full(self) -> Targets:
        """Targets with a full label, or a value, for every fourth item."""
        return self.targets(np.arange(0, SIZE, 4))

    def targets(self, rows: IntArray) -> Targets:
        """Return targets with full labels, or values, for `rows` only."""
        if self.task == "regression":
            values = np.full(SIZE, np.nan)
            values[rows] = self.truth[rows] + np.random.default_rng(3).normal(0, 0.1, SIZE)[rows]
            return Targets(values=read_only(values))
        sets = np.ones((SIZE, CLASSES), np.bool_)
        sets[rows] = self._one_hot(self.truth)[rows]
        return Targets(candidates=read_only(sets))

    def cases(self) -> Iterator[tuple[str, Targets]]:
        """Yield unusual targets with a description."""
        yield "no label at all", self.targets(np.arange(0))
        yield "one label", self.targets(np.arange(1))
        yield "labels of one class only", self.targets(np.flatnonzero(self.truth == 1))
        if self.task == "classification":
            wide = self._one_hot(self.truth) | self._one_hot((self.truth + 1) % CLASSES)
            sets = np.ones((SIZE, CLASSES), np.bool_)
            sets[::2] = wide[::2]
            yield "partial labels only", Targets(candidates=read_only(sets))
            sets[::4] = self._one_hot(self.truth)[::4]
            yield "full and partial labels", Targets(candidates=read_only(sets))
        yield "every item labelled", self.targets(np.arange(SIZE))

    def _one_hot(self, classes: IntArray) -> BoolArray:
        return np.eye(CLASSES, dtype=np.bool_)[classes]


def tasks(kind: str, task: Kind) -> list[Task]:
    """Return the ordinary task of a kind of items, followed by its variants."""
    makers: dict[str, Callable[[], list[tuple[str, Items]]]] = {"images": _images, "vectors": _vectors, "graph": _graph}
    if kind not in makers:
        raise AssertionError(f"there is no kind of items {kind!r}; valid: {', '.join(KINDS)}")
    classes = ("first", "second", "third") if task == "classification" else ()
    return [Task(name, task, items, _truth(), classes) for name, items in makers[kind]()]


def _truth() -> IntArray:
    return np.arange(SIZE, dtype=np.int64) % CLASSES


def _grey_images(seed: int) -> PixelArray:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 60, (SIZE, SIDE, SIDE))
    for image, truth in zip(images, _truth(), strict=True):
        stripe = rng.integers(1, SIDE - 2)
        if truth == 0:
            image[stripe : stripe + 2] += 160
        elif truth == 1:
            image[:, stripe : stripe + 2] += 160
    return images.astype(np.uint8)


def _images() -> list[tuple[str, Items]]:
    grey = _grey_images(0)
    colour = np.stack([grey, grey[:, ::-1], 255 - grey], axis=3)
    larger = np.repeat(np.repeat(colour[SIZE // 2 :], 2, axis=1), 3, axis=2)
    return [
        ("images", PixelItems(read_only(grey))),
        ("images in colour", PixelItems(read_only(colour))),
        (
            "images of two sizes",
            JoinedItems([PixelItems(read_only(colour[: SIZE // 2])), PixelItems(read_only(larger))]),
        ),
    ]


def _points() -> FloatArray:
    rng = np.random.default_rng(0)
    centres = np.array([[2, 0, 0, 1], [0, 2, 0, -1], [-2, -2, 1, 0]])
    points: FloatArray = (centres[_truth()] + rng.normal(0, 0.5, (SIZE, 4))).astype(np.float32)
    return points


def _vectors() -> list[tuple[str, Items]]:
    return [("vectors", VectorItems(read_only(_points())))]


def _graph() -> list[tuple[str, Items]]:
    rng = np.random.default_rng(0)
    ring = np.stack([np.arange(SIZE), (np.arange(SIZE) + CLASSES) % SIZE])
    across = rng.integers(0, SIZE, (2, 6))
    edges = np.concatenate([ring, across], axis=1)
    both = np.unique(np.concatenate([edges, edges[::-1]], axis=1), axis=1)
    both = both[:, both[0] != both[1]].astype(np.int64)
    isolated = both[:, (both != 0).all(axis=0)]
    features = read_only(_points())
    return [
        ("graph", GraphItems(features, read_only(both))),
        ("graph with a node that has no edge", GraphItems(features, read_only(isolated))),
        ("graph without edges", GraphItems(features, read_only(both[:, :0]))),
    ]
