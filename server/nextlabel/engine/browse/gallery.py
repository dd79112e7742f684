"""The pool as its page shows it: filtered, searched and counted, one page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from nextlabel.contracts.data import IntArray
from nextlabel.engine.browse.filters import Counts, FilteredPool, ItemFilter
from nextlabel.engine.browse.item_summary import summary
from nextlabel.engine.records import ItemSummary, Suggestion
from nextlabel.engine.scores import Arrays, stored_scores
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, items
from nextlabel.store.projects import ProjectRow

_TINY = 96
"""Largest side of images that are shown pixel by pixel."""


@dataclass(frozen=True)
class ItemCard:
    """An item with the live model's prediction, None if it has none."""

    item: ItemSummary
    suggestion: Suggestion | None


@dataclass(frozen=True)
class GalleryPage:
    """One page of the items that pass a filter."""

    items: tuple[ItemCard, ...]
    first: int
    """Number of the first item among all that pass the filter, from 1; 0 if there is none."""
    total: int
    counts: Counts
    before: str | None
    """The previous page ends before this item; None on the first page."""
    after: str | None
    """The next page begins after this item; None on the last page."""
    tiny: bool
    """Whether the data set's images are so small that they are shown pixel by pixel."""


@dataclass(frozen=True)
class Neighbours:
    """The items before and after an item among those that pass a filter."""

    before: str | None
    after: str | None
    number: int | None
    """Number of the item itself, from 1; None if it does not pass the filter."""
    total: int


class Gallery:
    """The pool of one imported project."""

    def __init__(self, services: Services, row: ProjectRow) -> None:
        self._services = services
        self._row = row

    def page(
        self,
        conditions: ItemFilter,
        limit: int,
        *,
        after: str | None = None,
        before: str | None = None,
        newest: bool = False,
    ) -> GalleryPage:
        """Return at most `limit` items after the item `after`, or before the item `before`.

        Items are in order of arrival, or `newest` first. Raises NotFound if the filter names an
        unknown class or annotator, or if there is no item `after` or `before`.
        """
        with self._services.database.read() as connection:
            beside = after or before
            position = None if beside is None else items.get(connection, self._row.name, beside).position
            scores = self._scores(connection) if self._row.classes else None
            hits = self._search(connection, conditions.search)
            predicted = self._predicted(conditions, scores)  # reads all scores, so before the state is locked
            with self._services.label_state(self._row).current(connection) as state:
                pool = FilteredPool(state, conditions, predicted, hits)
                positions = pool.positions()
                counts = pool.counts()
                start = _start(positions, position, limit, newest=newest, back=after is None)
                ordered = positions[::-1] if newest else positions
                on_page = ordered[start : start + limit]
                rows = items.by_positions(connection, self._row.name, on_page)
                cards = tuple(
                    ItemCard(summary(state, rows[p]), _prediction(self._row.classes, scores, p))
                    for p in map(int, on_page)
                    if p in rows  # the state may have items that were added after this transaction began
                )
        more = start + limit < len(positions)
        return GalleryPage(
            items=cards,
            first=start + 1 if cards else 0,
            total=len(positions),
            counts=counts,
            before=cards[0].item.id if cards and start else None,
            after=cards[-1].item.id if cards and more else None,
            tiny=(self._services.pool(self._row.name).side or _TINY + 1) <= _TINY,
        )

    def neighbours(self, conditions: ItemFilter, identity: str, *, newest: bool = False) -> Neighbours:
        """Return the items beside an item; raises NotFound as `page` does."""
        with self._services.database.read() as connection:
            position = items.get(connection, self._row.name, identity).position
            scores = self._scores(connection) if conditions.predicted or conditions.differs else None
            hits = self._search(connection, conditions.search)
            predicted = self._predicted(conditions, scores)
            with self._services.label_state(self._row).current(connection) as state:
                positions = FilteredPool(state, conditions, predicted, hits).positions()
            low, high = (int(np.searchsorted(positions, position, side)) for side in ("left", "right"))
            beside = [int(positions[index]) if 0 <= index < len(positions) else None for index in (low - 1, high)]
            if newest:
                beside.reverse()
            rows = items.by_positions(connection, self._row.name, [other for other in beside if other is not None])
        # the state may have items that were added after this transaction began
        names = [rows[other].id if other in rows else None for other in beside]
        number = None
        if high > low:
            number = len(positions) - low if newest else low + 1
        return Neighbours(names[0], names[1], number, len(positions))

    def _search(self, connection: Connection, text: str) -> IntArray | None:
        return items.with_text_in_id(connection, self._row.name, text) if text else None

    def _scores(self, connection: Connection) -> Arrays | None:
        live = self._row.live
        return (
            stored_scores(self._services.home, checkpoints.scoring(connection, self._row.name, live)) if live else None
        )

    @staticmethod
    def _predicted(conditions: ItemFilter, scores: Arrays | None) -> IntArray | None:
        """Return the predicted class of every scored item, None if the filter does not need it."""
        if scores is None or "probabilities" not in scores or not (conditions.predicted or conditions.differs):
            return None
        return np.asarray(scores["probabilities"].argmax(axis=1))


def _start(positions: IntArray, position: int | None, limit: int, *, newest: bool, back: bool) -> int:
    """Return the number, from 0, of the first item on the page beside `position`."""
    if position is None:
        return 0
    if newest:  # counted from the end
        low = len(positions) - int(np.searchsorted(positions, position, "left" if not back else "right"))
    else:
        low = int(np.searchsorted(positions, position, "left" if back else "right"))
    return max(0, low - limit) if back else low


def _prediction(classes: Sequence[str], scores: Arrays | None, position: int) -> Suggestion | None:
    if scores is None or "probabilities" not in scores or position >= len(scores["probabilities"]):
        return None
    row = scores["probabilities"][position]
    best = int(row.argmax())
    return Suggestion(classes[best], float(row[best]))
