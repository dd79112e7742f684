"""The pool as people look at it: pages of items, and one item with who said what."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import numpy as np
from sqlalchemy import Connection

from nextlabel.contracts.data import BoolArray
from nextlabel.contracts.errors import NextlabelError, NotFound, Unprocessable
from nextlabel.engine.images.thumbnails import ThumbnailCache, make_thumbnail
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.pool_files import missing_file_error
from nextlabel.engine.predict.predictor import Predictor
from nextlabel.engine.records import HistoryRow, ItemDetail, ItemPage, ItemState, ItemSummary, Voice
from nextlabel.engine.services import Services
from nextlabel.store import items, labels
from nextlabel.store.items import ItemRow
from nextlabel.store.labels import LabelRow
from nextlabel.store.projects import ProjectRow


@dataclass(frozen=True)
class Small:
    """An item's image made small, once it is asked for."""

    name: str
    """Another whenever the image is, so that who has it can tell without it being made."""
    make: Callable[[], bytes]
    """Returns it as `thumbnails.MEDIA_TYPE`; raises as `decoding.prepare` does."""


class PoolView:
    """Reads one imported project's pool."""

    def __init__(self, services: Services, row: ProjectRow) -> None:
        self._services = services
        self._row = row

    def counts(self, connection: Connection) -> tuple[int, int, int]:
        """Return how many items there are, are labelled, and are open."""
        with self._services.label_state(self._row).current(connection) as state:
            return len(state), int((~state.labels.opened).sum()), int((state.labels.opened & ~state.holdout).sum())

    def page(self, wanted: str | None, after: str | None, limit: int) -> ItemPage:
        """Return at most `limit` items in `wanted` state behind the item `after`."""
        if wanted is not None and wanted not in get_args(ItemState):
            raise Unprocessable(f"no state {wanted!r}; valid: {', '.join(get_args(ItemState))}")
        with self._services.database.read() as connection:
            start = self._find(connection, after).position + 1 if after else 0
            with self._services.label_state(self._row).current(connection) as state:
                matching = np.flatnonzero(_in_state(state, wanted)[start:])[: limit + 1] + start
                rows = items.by_positions(connection, self._row.name, matching[:limit])
                # the state may know of items that came after this transaction began
                found = tuple(summary(state, rows[at]) for at in matching[:limit].tolist() if at in rows)
        return ItemPage(found, found[-1].id if found and len(matching) > limit else None)

    def detail(self, identity: str, predicting: Predictor) -> ItemDetail:
        """Return one item, who says what of it now, and all that was ever said."""
        with self._services.database.read() as connection:
            row = self._find(connection, identity)
            history = labels.of_item(connection, self._row.name, row.position)
            with self._services.label_state(self._row).current(connection) as state:
                voices = state.labels.voices(row.position)
                found = summary(state, row)
        said = tuple(
            Voice(who, what if isinstance(what, tuple) else None, what if isinstance(what, float) else None)
            for who, what in sorted(voices.items())
        )
        try:
            prediction = predicting.ids([identity]).predictions[0]
        except NextlabelError:  # no model yet, or it has not scored the item: the rest is still worth showing
            prediction = None
        sets = [set(voice.candidates) for voice in said if voice.candidates is not None]
        agreed = bool(set.intersection(*sets)) if sets else None
        return ItemDetail(found, said, tuple(map(history_row, history)), prediction, agreed)

    def image(self, identity: str) -> tuple[bytes, str]:
        """Return an item's image with its media type."""
        return self._read(self._imaged(identity))

    def thumbnail(self, identity: str, size: int) -> Small:
        """Return an item's image made small."""
        services, row = self._services, self._imaged(identity)
        key = f"{size} {self._name(row)}"

        def make() -> bytes:
            data, _ = self._read(row)
            return make_thumbnail(data, size, services.settings.max_pixels)

        if row.source == "array":  # as quick to make as to find
            return Small(key, make)
        kept = ThumbnailCache(services.settings.home / "thumbnails", services.settings.thumbnail_bytes)
        return Small(key, lambda: kept.get(key, make))

    def _name(self, row: ItemRow) -> str:
        """Return what changes when the item's content does."""
        if row.source == "upload":  # the SHA-256 of its content
            self._stat(row)
            return row.id
        if row.source == "array":
            return f"{self._row.name} {self._row.imported} {row.position}"
        about = self._stat(row)
        return f"{row.path} {about.st_mtime_ns} {about.st_size}"

    def _stat(self, row: ItemRow) -> os.stat_result:
        try:
            return self._services.home.at(str(row.path)).stat()
        except OSError as error:
            raise missing_file_error(row, error) from None

    def _imaged(self, identity: str) -> ItemRow:
        with self._services.database.read() as connection:
            row = self._find(connection, identity)
        if row.media_type is None:
            raise NotFound(f"item {identity!r} is no image")
        return row

    def _read(self, row: ItemRow) -> tuple[bytes, str]:
        return self._services.pool(self._row.name).image(row)

    def _find(self, connection: Connection, identity: str) -> ItemRow:
        found = items.by_ids(connection, self._row.name, [identity])
        if identity not in found:
            raise NotFound(f"project {self._row.name!r} has no item {identity!r}")
        return found[identity]


def summary(state: PoolState, row: ItemRow) -> ItemSummary:
    """Return an item of the pool as it stands."""
    position = row.position
    sets, values = state.labels.candidates, state.labels.values
    spoken = sets is not None and not sets[position].all()
    value = None if values is None or np.isnan(values[position]) else float(values[position])
    names = state.project.classes
    return ItemSummary(
        id=row.id,
        state=_state_of(state, position),
        holdout=row.holdout,
        media_type=row.media_type,
        candidates=tuple(np.asarray(names, object)[sets[position]]) if spoken and sets is not None else None,
        value=value,
    )


def history_row(row: LabelRow) -> HistoryRow:
    """Return a stored label as people read it."""
    return HistoryRow(
        row.item, row.annotator, row.time, row.key, row.candidates, row.value, row.kind == "skip", row.kind == "retract"
    )


def _in_state(state: PoolState, wanted: str | None) -> BoolArray:
    opened, skipped = state.labels.opened, state.labels.skipped
    if wanted is None:
        return np.ones(len(state), np.bool_)
    return {"labelled": ~opened, "skipped": opened & skipped, "open": opened & ~skipped}[wanted]


def _state_of(state: PoolState, position: int) -> ItemState:
    if not state.labels.opened[position]:
        return "labelled"
    return "skipped" if state.labels.skipped[position] else "open"
