"""Adds uploaded images to a pool."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from nextlabel.contracts.errors import NotReady, Unprocessable
from nextlabel.engine.datasets.import_dataset import held_out
from nextlabel.engine.images.decoding import inspect, map_images
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.scheduling import queue_once, queue_scoring
from nextlabel.engine.services import Services
from nextlabel.store import items, jobs
from nextlabel.store.items import NewItem
from nextlabel.store.projects import ProjectRow

_IMPORTING = "the data set of project {!r} is being imported; add images when that is done"


@dataclass(frozen=True)
class UploadResult:
    """An uploaded image."""

    id: str
    new: bool
    """False if the pool has the same content already, or if it was uploaded twice."""


def upload_images(
    services: Services, config: ProjectConfig, row: ProjectRow, blobs: Sequence[bytes]
) -> list[UploadResult]:
    """Add encoded images to the pool of an imported project, all or none, and queue their scoring."""
    name = config.name
    if services.pool(name).kind != "image":
        raise Unprocessable(f"project {name!r} holds {services.pool(name).kind}s, not images")
    if not row.imported and _may_import(services, name):
        raise NotReady(_IMPORTING.format(name), 2)
    if not row.imported and _is_unfinished(services, name):
        queue_once(services.database, name, "import")  # it may have been killed
        raise NotReady(_IMPORTING.format(name), 2)
    kinds = map_images(blobs, lambda blob: inspect(blob, services.settings.max_pixels))
    ids = [services.home.save_upload(blob) for blob in blobs]
    rows = [
        NewItem(
            identity, "upload", services.home.name(services.home.upload_path(identity)), kind,
            not row.known_truth and held_out(config, identity),
        )
        for identity, kind in zip(ids, kinds, strict=True)
    ]  # fmt: skip
    with services.database.write() as connection:
        next_position = items.count(connection, name)
        results = []
        for identity, position in zip(ids, items.add(connection, name, rows, time.time()), strict=True):
            results.append(UploadResult(identity, new=position == next_position))
            next_position += results[-1].new
        queue_scoring(connection, name, features=config.features is not None)
    return results


def _is_unfinished(services: Services, project: str) -> bool:
    """Return whether the pool has hidden items: of an import that runs, or was killed."""
    with services.database.read() as connection:
        return items.stored(connection, project) > items.count(connection, project)


def _may_import(services: Services, project: str) -> bool:
    """Return whether a data set may still fill the empty pool; an upload before that would prevent it."""
    with services.database.read() as connection:
        importing = jobs.active(connection, project, "import") is not None
        return importing and items.count(connection, project) == 0
