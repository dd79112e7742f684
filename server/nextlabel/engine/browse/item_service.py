"""The pool as people look at it: pages of items, and one item with who said what."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from sqlalchemy import Connection

from nextlabel.contracts.data import BoolArray
from nextlabel.contracts.errors import NextlabelError, NotFound, Unprocessable
from nextlabel.engine.browse.gallery import Gallery
from nextlabel.engine.browse.item_summary import summary
from nextlabel.engine.browse.uploads import Added, upload_images
from nextlabel.engine.images.thumbnails import Thumbnails, thumbnail
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.pool_files import gone
from nextlabel.engine.predict.predictor import Predictor
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.records import ItemDetail, ItemPage, ItemState
from nextlabel.engine.services import Services
from nextlabel.store import items, labels
from nextlabel.store.items import ItemRow
from nextlabel.store.projects import ProjectRow


@dataclass(frozen=True)
class Small:
    """An item's image made small, once it is asked for."""

    name: str
    """Another whenever the image is, so that who has it can tell without it being made."""
    make: Callable[[], bytes]
    """Returns it as `thumbnails.MEDIA_TYPE`; raises as `decoding.prepare` does."""


class ItemService:
    """Reads one project's pool and adds images to it. `row` returns the imported project, or raises NotReady."""

    def __init__(self, services: Services, config: ProjectConfig, row: Callable[[], ProjectRow]) -> None:
        self._services = services
        self._config = config
        self._row = row

    def add(self, blobs: Sequence[bytes]) -> list[Added]:
        """Add encoded images to the pool, all or none; content that is in the pool keeps its id."""
        return upload_images(self._services, self._config, self._row(), blobs)

    def gallery(self) -> Gallery:
        """Return the pool as its page shows it: filtered, searched and counted."""
        return Gallery(self._services, self._row())

    def page(self, state: str | None = None, after: str | None = None, limit: int = 100) -> ItemPage:
        """Return at most `limit` items in that state, in order, from behind the item `after`."""
        if state is not None and state not in get_args(ItemState):
            raise Unprocessable(f"no state {state!r}; valid: {', '.join(get_args(ItemState))}")
        project = self._row()
        with self._services.database.read() as connection:
            start = self._find(connection, after).position + 1 if after else 0
            with self._services.label_state(project).current(connection) as pool:
                matching = np.flatnonzero(_in_state(pool, state)[start:])[: limit + 1] + start
                rows = items.by_positions(connection, project.name, matching[:limit])
                # the state may know of items that came after this transaction began
                found = tuple(summary(pool, rows[at]) for at in matching[:limit].tolist() if at in rows)
        return ItemPage(found, found[-1].id if found and len(matching) > limit else None)

    def get(self, identity: str) -> ItemDetail:
        """Return one item with each annotator's current label, its history and its prediction."""
        project = self._row()
        with self._services.database.read() as connection:
            row = self._find(connection, identity)
            history = labels.of_item(connection, project.name, row.position)
            with self._services.label_state(project).current(connection) as state:
                current_labels = state.labels.current_labels(row.position)
                found = summary(state, row)
        try:
            prediction = Predictor(self._services, project.name).ids([identity]).predictions[0]
        except NextlabelError:  # no model yet, or it has not scored the item: the rest is still worth showing
            prediction = None
        sets = [set(label.candidates) for label in current_labels.values() if label.candidates is not None]
        agreed = bool(set.intersection(*sets)) if sets else None
        return ItemDetail(found, current_labels, tuple(stored.event for stored in history), prediction, agreed)

    def image(self, identity: str) -> tuple[bytes, str]:
        """Return an item's image with its media type."""
        self._row()
        return self._read(self._imaged(identity))

    def thumbnail(self, identity: str, size: int) -> Small:
        """Return an item's thumbnail of at most `size` pixels a side; it is made when needed."""
        self._row()
        services, row = self._services, self._imaged(identity)
        key = f"{size} {self._name(row)}"

        def make() -> bytes:
            data, _ = self._read(row)
            with services.room.for_all([data]):
                return thumbnail(data, size, services.settings.max_pixels)

        if row.source == "array":  # as quick to make as to find
            return Small(key, make)
        kept = Thumbnails(services.settings.home / "thumbnails", services.settings.thumbnail_bytes)
        return Small(key, lambda: kept.get(key, make))

    def _name(self, row: ItemRow) -> str:
        """Return what changes when the item's content does."""
        if row.source == "upload":  # the SHA-256 of its content
            self._stat(row)
            return row.id
        if row.source == "array":
            return f"{self._config.name} {self._row().imported} {row.position}"
        about = self._stat(row)
        return f"{row.path} {about.st_mtime_ns} {about.st_size}"

    def _stat(self, row: ItemRow) -> os.stat_result:
        try:
            return self._services.home.at(str(row.path)).stat()
        except OSError as error:
            raise gone(row, error) from None

    def _imaged(self, identity: str) -> ItemRow:
        with self._services.database.read() as connection:
            row = self._find(connection, identity)
        if row.media_type is None:
            raise NotFound(f"item {identity!r} is no image")
        return row

    def _read(self, row: ItemRow) -> tuple[bytes, str]:
        return self._services.pool(self._config.name).image(row)

    def _find(self, connection: Connection, identity: str) -> ItemRow:
        found = items.by_ids(connection, self._config.name, [identity])
        if identity not in found:
            raise NotFound(f"project {self._config.name!r} has no item {identity!r}")
        return found[identity]


def _in_state(state: PoolState, wanted: str | None) -> BoolArray:
    opened, skipped = state.labels.is_open, state.labels.skipped
    if wanted is None:
        return np.ones(len(state), np.bool_)
    return {"labelled": ~opened, "skipped": opened & skipped, "open": opened & ~skipped}[wanted]
