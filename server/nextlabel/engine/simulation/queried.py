"""The items that a simulated annotator was asked about: what was predicted before the label, and what is true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nextlabel.contracts.data import FloatArray, GraphItems, IntArray, VectorItems
from nextlabel.engine.images.decoding import encode_png
from nextlabel.engine.records import QueryAnswer
from nextlabel.engine.scores import stored_scores
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, items

SHOWN = 12
"""Most items of a round whose content is recorded, to be drawn."""
_SIDE = 64
"""Longest side in pixels of a recorded image."""


@dataclass(frozen=True)
class QueriedItem:
    """An item of a query."""

    id: str
    predicted: str | float | None
    """The class or value that the live checkpoint predicted; None before there is one."""
    true: str | float | None
    """The true class or value; None if the data set does not know it."""
    image: bytes | None = None
    """A small PNG, cut to a square if the image is a file or large; None if it is not recorded, or no image."""
    vector: tuple[float, ...] | None = None
    """The item as a vector, recorded like images."""

    @property
    def is_wrong(self) -> bool:
        """Whether a wrong class was predicted."""
        return isinstance(self.predicted, str) and self.true is not None and self.predicted != self.true


def queried_items(
    services: Services, answer: QueryAnswer, truth: IntArray | FloatArray, *, contents: bool
) -> tuple[QueriedItem, ...]:
    """Return the items of a query, in order; `truth` (n,) are the classes or values of the pool.

    With `contents` the first of them have their image or vector. Call it before their labels are stored.
    """
    project = services.row(answer.project)
    with services.database.read() as connection:
        rows = items.by_ids(connection, answer.project, [item.id for item in answer.items])
    positions = np.array([rows[item.id].position for item in answer.items], np.int64)
    predicted: list[str | float | None] = [item.suggestion.label if item.suggestion else None for item in answer.items]
    true: list[str | float | None]
    if project.classes:
        true = [project.classes[int(known)] if known >= 0 else None for known in truth[positions]]
    else:
        predicted = _means(services, answer, positions)
        true = [None if np.isnan(known) else float(known) for known in truth[positions]]
    shown = positions[:SHOWN] if contents else positions[:0]
    images, vectors = _contents(services, answer.project, shown)
    return tuple(
        QueriedItem(
            item.id, predicted[place], true[place],
            images[place] if place < len(images) else None, vectors[place] if place < len(vectors) else None,
        )
        for place, item in enumerate(answer.items)
    )  # fmt: skip


def _means(services: Services, answer: QueryAnswer, positions: IntArray) -> list[str | float | None]:
    """Return the values that the query's checkpoint predicts."""
    with services.database.read() as connection:
        scoring = checkpoints.scoring(connection, answer.project, answer.checkpoint)
    arrays = stored_scores(services.home, scoring) or {}
    return [float(value) for value in arrays["mean"][positions]] if "mean" in arrays else [None] * len(positions)


def _contents(
    services: Services, project: str, positions: IntArray
) -> tuple[Sequence[bytes], Sequence[tuple[float, ...]]]:
    """Return the PNGs or the vectors of some items; both are empty for the nodes of a graph."""
    if not len(positions):
        return [], []
    pool = services.items(services.state(services.row(project)))
    if isinstance(pool, GraphItems):
        return [], []
    part = pool.take(positions)
    if isinstance(part, VectorItems):
        return [], [tuple(map(float, row)) for row in part.vectors]
    size = part.size if part.size is not None and max(part.size) <= _SIDE else (_SIDE, _SIDE)
    return [encode_png(pixels) for pixels in part.pixels(size, part.channels)], []
