"""The items of one project: pages of them, one item in detail, its image, and uploads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from nextlabel.contracts.errors import NextlabelError, NotFound, Unprocessable
from nextlabel.engine.browse.filters import FilteredPool, ItemFilter
from nextlabel.engine.browse.gallery import Gallery
from nextlabel.engine.browse.item_summary import summary
from nextlabel.engine.browse.uploads import UploadResult, upload_images
from nextlabel.engine.images.thumbnails import ThumbnailCache, make_thumbnail
from nextlabel.engine.pool_files import missing_file_error
from nextlabel.engine.predict.model_service import ModelService
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.records import ItemDetail, ItemPage, ItemState
from nextlabel.engine.services import Services
from nextlabel.store import items, labels
from nextlabel.store.items import ItemRow
from nextlabel.store.projects import ProjectRow


@dataclass(frozen=True)
class Thumbnail:
    """An item's thumbnail, created on demand."""

    name: str
    """Changes with the image, so that a cached thumbnail can be validated without creating it."""
    make: Callable[[], bytes]
    """Returns it encoded as `thumbnails.MEDIA_TYPE`; raises the errors of `decoding.prepare`."""


class ItemService:
    """Reads one project's pool and adds images to it. `row` returns the imported project, or raises NotReady."""

    def __init__(self, services: Services, config: ProjectConfig, row: Callable[[], ProjectRow]) -> None:
        self._services = services
        self._config = config
        self._row = row

    def add(self, blobs: Sequence[bytes]) -> list[UploadResult]:
        """Add encoded images to the pool, all or none; content that is in the pool already keeps its id."""
        return upload_images(self._services, self._config, self._row(), blobs)

    def gallery(self) -> Gallery:
        """Return the pool as its page shows it: filtered, searched and counted."""
        return Gallery(self._services, self._row())

    def page(self, state: ItemState | None = None, after: str | None = None, limit: int = 100) -> ItemPage:
        """Return at most `limit` items in that state, in order, that follow the item `after`."""
        if state is not None and state not in get_args(ItemState):
            raise Unprocessable(f"no state {state!r}; valid: {', '.join(get_args(ItemState))}")
        project = self._row()
        with self._services.database.read() as connection:
            start = items.get(connection, self._config.name, after).position + 1 if after else 0
            with self._services.label_state(project).current(connection) as pool:
                matching = FilteredPool(pool, ItemFilter(state)).positions()
                matching = matching[np.searchsorted(matching, start) :][: limit + 1]
                rows = items.by_positions(connection, project.name, matching[:limit])
                # the state may have items that were added after this transaction began
                on_page = tuple(summary(pool, rows[p]) for p in matching[:limit].tolist() if p in rows)
        return ItemPage(on_page, on_page[-1].id if on_page and len(matching) > limit else None)

    def get(self, identity: str) -> ItemDetail:
        """Return one item with each annotator's current label, its history and its prediction."""
        project = self._row()
        with self._services.database.read() as connection:
            row = items.get(connection, self._config.name, identity)
            history = labels.of_item(connection, project.name, row.position)
            with self._services.label_state(project).current(connection) as state:
                current_labels = state.labels.current_labels(row.position)
                item = summary(state, row)
        try:
            prediction = ModelService(self._services, project.name, self._row).predict_ids([identity]).predictions[0]
        except NextlabelError:  # there is no model yet, or it has not scored the item
            prediction = None
        sets = [set(label.candidates) for label in current_labels.values() if label.candidates is not None]
        agreed = bool(set.intersection(*sets)) if sets else None
        return ItemDetail(item, current_labels, tuple(stored.event for stored in history), prediction, agreed)

    def image(self, identity: str) -> tuple[bytes, str]:
        """Return an item's image with its media type."""
        self._row()
        return self._read(self._image_row(identity))

    def thumbnail(self, identity: str, size: int) -> Thumbnail:
        """Return an item's thumbnail of at most `size` pixels a side; it is created when needed."""
        self._row()
        services, row = self._services, self._image_row(identity)
        key = f"{size} {self._name(row)}"

        def make() -> bytes:
            data, _ = self._read(row)
            return make_thumbnail(data, size, services.settings.max_pixels)

        if row.source == "array":  # creating it is as fast as reading it
            return Thumbnail(key, make)
        cache = ThumbnailCache(services.settings.home / "thumbnails", services.settings.thumbnail_bytes)
        return Thumbnail(key, lambda: cache.get(key, make))

    def _name(self, row: ItemRow) -> str:
        """Return a name that changes when the item's content does."""
        if row.source == "upload":  # its file never changes
            self._stat(row)
            return str(row.path)
        if row.source == "array":
            return f"{self._config.name} {self._row().imported} {row.position}"
        status = self._stat(row)
        return f"{row.path} {status.st_mtime_ns} {status.st_size}"

    def _stat(self, row: ItemRow) -> os.stat_result:
        try:
            return self._services.home.at(str(row.path)).stat()
        except OSError as error:
            raise missing_file_error(row, error) from None

    def _image_row(self, identity: str) -> ItemRow:
        with self._services.database.read() as connection:
            row = items.get(connection, self._config.name, identity)
        if row.media_type is None:
            raise NotFound(f"item {identity!r} is not an image")
        return row

    def _read(self, row: ItemRow) -> tuple[bytes, str]:
        return self._services.pool(self._config.name).image(row)
