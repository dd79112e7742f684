"""The pool as a page shows it: filtered, searched, counted, a screenful at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from nextlabel.contracts.data import IntArray
from nextlabel.contracts.errors import NotFound
from nextlabel.engine.browse.filters import Choice, Counts, Filter
from nextlabel.engine.browse.item_summary import summary
from nextlabel.engine.records import ItemSummary, Suggestion
from nextlabel.engine.scores import Arrays, kept_scores
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, items
from nextlabel.store.projects import ProjectRow

_SMALL = 96


@dataclass(frozen=True)
class Shown:
    """An item with the live model's guess, where it has one."""

    item: ItemSummary
    guess: Suggestion | None


@dataclass(frozen=True)
class GalleryPage:
    """Some of the items that a filter lets through."""

    items: tuple[Shown, ...]
    first: int
    """The number of the first one among all that are let through, from 1; 0 where there is none."""
    total: int
    counts: Counts
    before: str | None
    """The page before ends in front of this item; None: this is the first."""
    after: str | None
    """The next page begins behind this item; None: this is the last."""
    tiny: bool
    """The data set's images are so small that every pixel of them is to be seen."""


@dataclass(frozen=True)
class Neighbours:
    """What stands beside an item among those that a filter lets through."""

    before: str | None
    after: str | None
    number: int | None
    """Of the item itself, from 1; None where the filter no longer lets it through."""
    total: int


class Gallery:
    """One imported project's pool."""

    def __init__(self, services: Services, row: ProjectRow) -> None:
        self._services = services
        self._row = row

    def page(
        self,
        wanted: Filter,
        limit: int,
        *,
        after: str | None = None,
        before: str | None = None,
        newest: bool = False,
    ) -> GalleryPage:
        """Return at most `limit` items behind `after`, or those in front of `before`.

        In order of arrival, or `newest` first. NotFound where the filter, or the place to go on
        from, names something that is not there.
        """
        with self._services.database.read() as connection:
            beside = after or before
            place = None if beside is None else self._position(connection, beside)
            scores = self._scores(connection) if self._row.classes else None
            found = self._search(connection, wanted.search)
            guesses = self._guesses(wanted, scores)  # the whole pool's scores are read: not while others wait
            with self._services.label_state(self._row).current(connection) as state:
                choice = Choice(state, wanted, guesses, found)
                positions = choice.positions()
                counts = choice.counts()
                start = _start(positions, place, limit, newest=newest, back=after is None)
                ordered = positions[::-1] if newest else positions
                chosen = ordered[start : start + limit]
                rows = items.by_positions(connection, self._row.name, chosen)
                shown = tuple(
                    Shown(summary(state, rows[p]), _guess(self._row.classes, scores, p))
                    for p in map(int, chosen)
                    if p in rows  # the state may know of items that came after this transaction began
                )
        more = start + limit < len(positions)
        return GalleryPage(
            items=shown,
            first=start + 1 if shown else 0,
            total=len(positions),
            counts=counts,
            before=shown[0].item.id if shown and start else None,
            after=shown[-1].item.id if shown and more else None,
            tiny=(self._services.pool(self._row.name).side or _SMALL + 1) <= _SMALL,
        )

    def neighbours(self, wanted: Filter, identity: str, *, newest: bool = False) -> Neighbours:
        """Return what stands beside an item; NotFound as in `page`."""
        with self._services.database.read() as connection:
            position = self._position(connection, identity)
            scores = self._scores(connection) if wanted.guess or wanted.differs else None
            found = self._search(connection, wanted.search)
            guesses = self._guesses(wanted, scores)
            with self._services.label_state(self._row).current(connection) as state:
                positions = Choice(state, wanted, guesses, found).positions()
            low, high = (int(np.searchsorted(positions, position, side)) for side in ("left", "right"))
            beside = [int(positions[place]) if 0 <= place < len(positions) else None for place in (low - 1, high)]
            if newest:
                beside.reverse()
            rows = items.by_positions(connection, self._row.name, [place for place in beside if place is not None])
        # the state may know of items that came after this transaction began
        names = [rows[place].id if place in rows else None for place in beside]
        number = None
        if high > low:
            number = len(positions) - low if newest else low + 1
        return Neighbours(names[0], names[1], number, len(positions))

    def _position(self, connection: Connection, identity: str) -> int:
        known = items.by_ids(connection, self._row.name, [identity])
        if identity not in known:
            raise NotFound(f"project {self._row.name!r} has no item {identity!r}")
        return known[identity].position

    def _search(self, connection: Connection, text: str) -> IntArray | None:
        return items.with_text_in_id(connection, self._row.name, text) if text else None

    def _scores(self, connection: Connection) -> Arrays | None:
        live = self._row.live
        return kept_scores(self._services.home, checkpoints.scoring(connection, self._row.name, live)) if live else None

    @staticmethod
    def _guesses(wanted: Filter, scores: Arrays | None) -> IntArray | None:
        if scores is None or "probabilities" not in scores or not (wanted.guess or wanted.differs):
            return None
        return np.asarray(scores["probabilities"].argmax(axis=1))


def _start(positions: IntArray, place: int | None, limit: int, *, newest: bool, back: bool) -> int:
    """Return the number, from 0, of the first item to show."""
    if place is None:
        return 0
    if newest:  # counted from the end
        low = len(positions) - int(np.searchsorted(positions, place, "left" if not back else "right"))
    else:
        low = int(np.searchsorted(positions, place, "left" if back else "right"))
    return max(0, low - limit) if back else low


def _guess(classes: Sequence[str], scores: Arrays | None, position: int) -> Suggestion | None:
    if scores is None or "probabilities" not in scores or position >= len(scores["probabilities"]):
        return None
    row = scores["probabilities"][position]
    best = int(row.argmax())
    return Suggestion(classes[best], float(row[best]))
