"""Fills an empty pool with the sample of a bundled checkpoint, and places the data set behind it when that arrives.

The images of a sample are the first items of their pool, in files of their own. A data set that
arrives later leaves them there, with their labels: they are its items already, by their ids. So
positions never change, nor does which items are held out.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from nextlabel.contracts.data import BoolArray, Contents, Files, IntArray, Pixels
from nextlabel.contracts.errors import ProjectError
from nextlabel.engine.checkpoints.serialization import holdout_settings
from nextlabel.engine.datasets.sample_file import SAMPLE, Sample, read_sample
from nextlabel.engine.datasets.select_items import select
from nextlabel.engine.images.decoding import encode_png
from nextlabel.engine.pool_files import write_sample_pool
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.scheduling import queue_scoring
from nextlabel.store import checkpoints, items
from nextlabel.store.atomic import new_folder
from nextlabel.store.database import Database
from nextlabel.store.home import Home
from nextlabel.store.items import NewItem


@dataclass(frozen=True)
class Placement:
    """Where the n items of a data set are, or will be, in a pool that starts with m other items."""

    first: int
    """m: the position of the first item of the data set that is not in the pool yet."""
    positions: IntArray
    """(n,)."""
    holdout: BoolArray
    """(n,): whether an item that is in the pool already is held out; False for a new one."""

    @property
    def is_new(self) -> BoolArray:
        """(n,): whether the item is not in the pool yet."""
        return self.positions >= self.first


def fill_with_sample(config: ProjectConfig, database: Database, home: Home) -> bool:
    """Fill a project's empty pool with a bundled checkpoint's sample of its data set; return False if there is none.

    The checkpoint must hold out the same items as the project: trainings start from it, and the data set
    may arrive later. Raises Gone, with nothing stored, if the sample is damaged.
    """
    with database.read() as connection:
        rows = checkpoints.all(connection, config.name)
    same = holdout_settings(config).items()
    bundled = [row for row in rows if row.job is None and all(row.card.get(name) == value for name, value in same)]
    files = [file for row in reversed(bundled) if (file := home.at(row.folder) / SAMPLE).exists()]
    if not files:
        return False
    sample, folder = read_sample(files[0]), home.sample_pool(config.name)
    if folder.exists():  # left by a process that was killed before it reached the database
        shutil.rmtree(folder)
    with new_folder(folder) as partial:
        channels = 1 if sample.pixels.ndim == 3 else 3  # noqa: PLR2004
        write_sample_pool(partial, side=max(sample.pixels.shape[1:3]), channels=channels)
        for number, pixels in enumerate(sample.pixels):
            (partial / f"{number}.png").write_bytes(encode_png(pixels))
    with database.write() as connection:
        if items.stored(connection, config.name):  # users added images meanwhile
            shutil.rmtree(folder)
            return False
        items.insert(connection, config.name, 0, _rows(sample, home, config.name), time.time())
        queue_scoring(connection, config.name, features=config.features is not None)
    return True


def starts_with_sample(connection: Connection, home: Home, project: str) -> bool:
    """Return whether the first items of a pool are a sample."""
    first = items.by_positions(connection, project, [0]).get(0)
    return first is not None and _in_sample(first.path, home, project)


def place(connection: Connection, home: Home, project: str, contents: Contents) -> tuple[Contents, Placement]:
    """Return where the items of a data set go in a pool, and the data set without those whose id a user's image has.

    Raises ProjectError if it has no images and the pool has.
    """
    first = items.count(connection, project)
    if not first:
        size = len(contents.ids)
        return contents, Placement(0, np.arange(size), np.zeros(size, np.bool_))
    if not isinstance(contents.content, Pixels | Files):
        raise ProjectError(f"project {project!r} holds images, and its data set has none")
    known = items.by_ids(connection, project, contents.ids)
    taken = [identity for identity, row in known.items() if not _in_sample(row.path, home, project)]
    if taken:
        contents = select(contents, ~np.isin(contents.ids, taken))
    positions = np.array([known[identity].position if identity in known else -1 for identity in contents.ids], np.int64)
    held = np.array([identity in known and known[identity].holdout for identity in contents.ids], np.bool_)
    new = positions < 0
    positions[new] = first + np.arange(int(new.sum()))
    return contents, Placement(first, positions, held)


def _rows(sample: Sample, home: Home, project: str) -> Sequence[NewItem]:
    folder = home.sample_pool(project)
    return [
        NewItem(identity, "upload", home.name(folder / f"{number}.png"), "image/png", bool(held))
        for number, (identity, held) in enumerate(zip(sample.ids, sample.holdout, strict=True))
    ]


def _in_sample(path: str | None, home: Home, project: str) -> bool:
    return path is not None and home.at(path).parent == home.sample_pool(project)
