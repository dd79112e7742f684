"""Imports a data set as a project's pool: stores its items, its hold-out and its initial labels."""

from __future__ import annotations

import functools
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from sqlalchemy import Connection

from nextlabel.contracts.data import BoolArray, Contents, Files, IntArray
from nextlabel.contracts.errors import DatasetMissing, ProjectError
from nextlabel.contracts.interfaces import Dataset
from nextlabel.engine.datasets.drop_unreadable import drop_unreadable
from nextlabel.engine.datasets.validate_contents import check_contents, known_truth
from nextlabel.engine.plugins.parameters import build
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.pool_files import write_pool
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.random_streams import generator, share_hash
from nextlabel.engine.retry import retry_while_busy
from nextlabel.engine.scheduling import queue_scoring
from nextlabel.engine.settings import Settings
from nextlabel.store import items, labels, projects, unfinished_import
from nextlabel.store.atomic import new_folder
from nextlabel.store.database import Database
from nextlabel.store.file_lock import file_lock
from nextlabel.store.home import Home
from nextlabel.store.items import NewItem
from nextlabel.store.labels import DATASET, Label, LabelEvent
from nextlabel.store.projects import ProjectRow
from nextlabel.store.unfinished_import import PART

_MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}

R = TypeVar("R")


def import_dataset(
    config: ProjectConfig,
    registry: Registry,
    settings: Settings,
    database: Database,
    home: Home,
    progress: Callable[[float], None] = lambda _: None,
) -> str | None:
    """Import the project's data set into the store, unless that was done before.

    Files that do not decode are left out and reported on standard error. `progress` is called
    with the share of files that were checked.

    A project with a bundled checkpoint works without a data set. In that case this returns one
    line that explains why users' uploads are its pool. Otherwise it raises DatasetMissing if the
    data set is not on this machine.
    """
    with file_lock(home.root / f"import-{config.name}.lock"):  # a training job imports too
        with database.read() as connection:
            row = projects.get(connection, config.name)
            filled = items.count(connection, config.name) > 0
        if row is not None and row.imported:
            return None
        if filled:
            return _pool_of_uploads(config)
        _delete_unfinished(config.name, database)
        try:
            return _import(config, registry, settings, database, home, row, progress)
        except DatasetMissing as missing:
            if row is None:
                raise
            return f"{missing}; the pool of project {config.name!r} consists of the images that users add"


def _pool_of_uploads(config: ProjectConfig) -> str:
    return f"the pool of project {config.name!r} already has images that users added; its data set is not imported"


def _import(
    config: ProjectConfig,
    registry: Registry,
    settings: Settings,
    database: Database,
    home: Home,
    row_before: ProjectRow | None,
    progress: Callable[[float], None],
) -> str | None:
    record = registry.dataset(config.dataset.plugin)
    dataset: Dataset[object] = build(record, config.dataset.parameters, "[dataset]")
    contents = dataset.read(settings.data, config.seed)
    check_contents(contents, f"data set {config.dataset.plugin!r}")
    if row_before is not None and (row_before.task, row_before.classes) != (contents.task, tuple(contents.classes)):
        raise ProjectError(
            f"project {config.name!r}: the data set's classes are {', '.join(contents.classes)}, "
            f"but those of the bundled checkpoint are {', '.join(row_before.classes)}"
        )
    contents, dropped = drop_unreadable(contents, settings.max_pixels, settings.cores, progress)
    if dropped.reasons and not contents.ids:
        raise ProjectError(f"project {config.name!r} has no readable image: {dropped.summary()}")
    holdout = _holdout(contents, config)
    initial = _initial_positions(contents, config, holdout)
    folder = home.pool(config.name)
    if folder.exists():  # left by an import that was killed before it reached the database
        shutil.rmtree(folder)
    with new_folder(folder) as partial:
        write_pool(partial, contents, dropped.lines())
    row = ProjectRow(
        name=config.name,
        task=contents.task,
        classes=contents.classes,
        known_truth=_has_enough_truth(contents, config),
        has_test=contents.test is not None,
        imported=time.time(),
    )
    try:
        stored = _store(config, row, contents, holdout, initial, database, progress)
    except BaseException as error:
        try:
            _delete_unfinished(config.name, database)
        except Exception:  # noqa: BLE001 - the first error matters more; the next import deletes the rest
            raise error from None
        raise
    if not stored:
        return _pool_of_uploads(config)
    if dropped.reasons:
        print(dropped.summary(), file=sys.stderr, flush=True)  # noqa: T201 - the log of a job, or the terminal
    return None


def _store(
    config: ProjectConfig,
    row: ProjectRow,
    contents: Contents,
    holdout: BoolArray,
    initial: IntArray,
    database: Database,
    progress: Callable[[float], None],
) -> bool:
    """Store the project in short transactions, of which nobody sees anything before the last.

    Returns False, with nothing stored, if images were uploaded meanwhile.
    """

    def write(change: Callable[[Connection], R]) -> R:
        def attempt() -> R:
            with database.write() as connection:
                return change(connection)

        return retry_while_busy(attempt, lambda _done, _metrics: progress(0.0))

    def insert(connection: Connection, start: int, rows: list[NewItem]) -> bool:
        if start == 0 and items.count(connection, config.name):  # from here on, uploads wait
            return False
        projects.create_hidden(connection, row)
        items.insert(connection, config.name, start, rows, row.imported)
        return True

    def finish(connection: Connection) -> None:
        projects.set_dataset(connection, row)
        queue_scoring(connection, config.name, features=config.features is not None)

    for start in range(0, max(1, len(contents.ids)), PART):
        rows = _rows(contents, holdout, start, start + PART)
        if not write(functools.partial(insert, start=start, rows=rows)):
            return False
    for part in _first_labels(contents, holdout, initial):
        events = [LabelEvent(contents.ids[position], DATASET, label, row.imported) for position, label in part]
        positions = {contents.ids[position]: position for position, _ in part}
        write(functools.partial(labels.append, project=config.name, events=events, positions=positions))
    write(finish)
    return True


def held_out(config: ProjectConfig, identity: str) -> bool:
    """Return whether an item without a known label belongs to the hold-out."""
    return share_hash(config.seed, "holdout", identity) < config.labels.holdout


def _delete_unfinished(project: str, database: Database) -> None:
    """Delete what an import that failed or was killed left in the database."""
    more = True
    while more:
        with database.write() as connection:
            more = unfinished_import.delete_part(connection, project)


def _rows(contents: Contents, holdout: BoolArray, start: int, stop: int) -> list[NewItem]:
    ids, held_out = contents.ids[start:stop], holdout[start:stop].tolist()
    if isinstance(contents.content, Files):
        return [
            NewItem(identity, "file", str(path.absolute()), _MEDIA_TYPES.get(path.suffix.lower()), held)
            for identity, path, held in zip(ids, contents.content.paths[start:stop], held_out, strict=True)
        ]
    media_type = "image/png" if hasattr(contents.content, "array") else None
    return [NewItem(identity, "array", None, media_type, held) for identity, held in zip(ids, held_out, strict=True)]


def _has_enough_truth(contents: Contents, config: ProjectConfig) -> bool:
    """Return whether the data set provides the labels of the hold-out; otherwise annotators are asked for them.

    It does not if it knows no labels, or so few that the share `holdout` of them is none.
    """
    if contents.truth is None:
        return False
    if contents.holdout is not None or not config.labels.holdout:
        return True
    return int(config.labels.holdout * np.count_nonzero(known_truth(contents))) > 0


def _holdout(contents: Contents, config: ProjectConfig) -> BoolArray:
    mask = np.zeros(len(contents.ids), np.bool_)
    known = known_truth(contents)
    if contents.holdout is not None:
        mask[contents.holdout] = True
    elif _has_enough_truth(contents, config):
        shuffled = generator(config.seed, "holdout").permutation(np.flatnonzero(known))
        mask[shuffled[: int(config.labels.holdout * len(shuffled))]] = True
    else:
        mask[:] = [held_out(config, identity) for identity in contents.ids]
        mask &= ~known  # the few known labels are needed for the first training
    return mask


def _initial_positions(contents: Contents, config: ProjectConfig, holdout: BoolArray) -> IntArray:
    """Return the positions that are labelled from the start by their known truth."""
    known = np.flatnonzero(known_truth(contents) & ~holdout)
    if contents.initial is not None:
        return np.setdiff1d(np.asarray(contents.initial, np.int64), np.flatnonzero(holdout))
    if config.labels.initial > len(known):
        raise ProjectError(
            f"project {config.name!r}: [labels] initial = {config.labels.initial}, "
            f"but the data set knows only {len(known)} labels outside the hold-out"
        )
    return generator(config.seed, "initial").permutation(known)[: config.labels.initial]


def _first_labels(contents: Contents, holdout: BoolArray, initial: IntArray) -> Iterator[list[tuple[int, Label]]]:
    """Yield the data set's candidate sets, then the labels of the `initial` positions, a part at a time."""
    if contents.candidates is not None:
        partial = np.flatnonzero(~contents.candidates.all(axis=1) & ~holdout)
        names = np.asarray(contents.classes, dtype=object)
        for rows in _parts(partial):
            yield [(int(p), Label(candidates=tuple(names[contents.candidates[p]]))) for p in rows]
    for rows in _parts(initial):
        yield _truth_labels(contents, rows)


def _parts(rows: IntArray) -> Iterator[IntArray]:
    return (rows[start : start + PART] for start in range(0, len(rows), PART))


def _truth_labels(contents: Contents, rows: IntArray) -> list[tuple[int, Label]]:
    """Return the `rows`, each with a full label from the known truth."""
    truth = contents.truth
    if truth is None:
        return []
    if contents.classes:
        return [(int(p), Label(candidates=(contents.classes[int(truth[p])],))) for p in rows]
    return [(int(p), Label(value=float(truth[p]))) for p in rows]
