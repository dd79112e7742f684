"""Imports a data set as a project's pool: stores its items, its hold-out and its initial labels."""

from __future__ import annotations

import functools
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from nextlabel.contracts.data import BoolArray, Contents, Files, IntArray
from nextlabel.contracts.errors import DatasetMissing, ProjectError
from nextlabel.engine.datasets.drop_unreadable import DroppedFiles, drop_unreadable
from nextlabel.engine.datasets.read_dataset import read_dataset
from nextlabel.engine.datasets.sample_pool import Placement, fill_with_sample, place, starts_with_sample
from nextlabel.engine.datasets.select_items import select
from nextlabel.engine.datasets.validate_contents import check_contents, known_truth
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

    A project with a bundled checkpoint works without a data set. In that case this returns one line
    that explains what its pool consists of: the checkpoint's sample, if it ships with one, and users'
    uploads. When the data set arrives later, it joins the sample, but not a pool of uploads alone.
    Otherwise this raises DatasetMissing if the data set is not on this machine.
    """
    with file_lock(home.root / f"import-{config.name}.lock"):  # a training job imports too
        with database.read() as connection:
            row = projects.get(connection, config.name)
            filled = items.count(connection, config.name) > 0
            sampled = filled and starts_with_sample(connection, home, config.name)
        if row is not None and row.imported:
            return None
        if filled and not sampled:
            # left by a process that was killed before users added images
            shutil.rmtree(home.sample_pool(config.name), ignore_errors=True)
            return _pool_of_uploads(config)
        _delete_unfinished(config.name, database)
        try:
            return _import(config, registry, settings, database, home, row, progress)
        except DatasetMissing as missing:
            if row is None:
                raise
            sampled = sampled or fill_with_sample(config, database, home)
            sample = "a sample of the data set and " if sampled else ""
            return f"{missing}; the pool of project {config.name!r} consists of {sample}the images that users add"


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
    contents = read_dataset(config, registry, settings)
    check_contents(contents, f"data set {config.dataset.plugin!r}")
    if row_before is not None and (row_before.task, row_before.classes) != (contents.task, tuple(contents.classes)):
        raise ProjectError(
            f"project {config.name!r}: the data set's classes are {', '.join(contents.classes)}, "
            f"but those of the bundled checkpoint are {', '.join(row_before.classes)}"
        )
    contents, dropped = drop_unreadable(contents, settings.max_pixels, settings.cores, progress)
    if dropped.reasons and not contents.ids:
        raise ProjectError(f"project {config.name!r} has no readable image: {dropped.summary()}")
    while True:
        with database.read() as connection:
            if items.count(connection, config.name) and not starts_with_sample(connection, home, config.name):
                return _pool_of_uploads(config)  # users added images meanwhile
            contents, placement = place(connection, home, config.name, contents)
        plan = _plan(contents, placement, config)
        _write_folder(home.pool(config.name), plan, dropped)
        try:
            stored = _store(config, plan, database, progress)
        except BaseException as error:
            try:
                _delete_unfinished(config.name, database)
            except Exception:  # noqa: BLE001 - the first error matters more; the next import deletes the rest
                raise error from None
            raise
        if stored:
            break
    if dropped.reasons:
        print(dropped.summary(), file=sys.stderr, flush=True)  # noqa: T201 - the log of a job, or the terminal
    return None


@dataclass(frozen=True)
class _Plan:
    """What an import stores."""

    row: ProjectRow
    contents: Contents
    placement: Placement
    holdout: BoolArray
    """(n,)."""
    initial: IntArray
    """Places in `contents` of the items that are labelled from the start."""


def _plan(contents: Contents, placement: Placement, config: ProjectConfig) -> _Plan:
    holdout = np.where(placement.is_new, _holdout(contents, config), placement.holdout)
    row = ProjectRow(
        name=config.name,
        task=contents.task,
        classes=contents.classes,
        known_truth=_has_enough_truth(contents, config),
        has_test=contents.test is not None,
        imported=time.time(),
    )
    return _Plan(row, contents, placement, holdout, _initial_positions(contents, config, holdout))


def _write_folder(folder: Path, plan: _Plan, dropped: DroppedFiles) -> None:
    if folder.exists():  # left by an import that was killed, or too slow, before it reached the database
        shutil.rmtree(folder)
    contents, placement = plan.contents, plan.placement
    if placement.first:
        truth: NDArray[Any] | None = None
        if contents.truth is not None:
            size = placement.first + int(placement.is_new.sum())
            truth = np.full(size, -1, np.int64) if contents.classes else np.full(size, np.nan)
            truth[placement.positions] = contents.truth
        contents = replace(select(contents, placement.is_new), truth=truth)
    with new_folder(folder) as partial:
        write_pool(partial, contents, dropped.lines(), first=placement.first)


def _store(config: ProjectConfig, plan: _Plan, database: Database, progress: Callable[[float], None]) -> bool:
    """Store the project in short transactions, of which nobody sees anything before the last.

    Returns False, with nothing stored, if images were uploaded meanwhile.
    """

    def write(change: Callable[[Connection], R]) -> R:
        def attempt() -> R:
            with database.write() as connection:
                return change(connection)

        return retry_while_busy(attempt, lambda _done, _metrics: progress(0.0))

    new = np.flatnonzero(plan.placement.is_new)
    for start in range(0, max(1, len(new)), PART):
        if not write(functools.partial(_insert, plan=plan, start=start, rows=_rows(plan, new[start : start + PART]))):
            return False
    parts = _first_labels(plan.contents, plan.holdout, plan.initial)
    # annotators label a sample meanwhile: in between, their labels would be numbered among hidden ones
    at_once = list(parts) if plan.placement.first else []
    for part in parts:
        write(functools.partial(_append, plan=plan, part=part))
    write(functools.partial(_finish, plan=plan, config=config, parts=at_once))
    return True


def _insert(connection: Connection, plan: _Plan, start: int, rows: list[NewItem]) -> bool:
    """Store the new items from number `start`; return False if images were uploaded before the first."""
    name, first = plan.row.name, plan.placement.first
    if start == 0 and items.count(connection, name) != first:  # from here on, uploads wait
        return False
    projects.create_hidden(connection, plan.row)
    items.insert(connection, name, first + start, rows, plan.row.imported)
    return True


def _append(connection: Connection, plan: _Plan, part: Sequence[tuple[int, Label]]) -> None:
    """Append the labels of items, each with its place in the contents."""
    ids = plan.contents.ids
    events = [LabelEvent(ids[place], DATASET, label, plan.row.imported) for place, label in part]
    positions = {ids[place]: int(plan.placement.positions[place]) for place, _ in part}
    labels.append(connection, plan.row.name, events, positions)


def _finish(
    connection: Connection, plan: _Plan, config: ProjectConfig, parts: Sequence[Sequence[tuple[int, Label]]]
) -> None:
    """Store further labels, and make everything visible."""
    for part in parts:
        _append(connection, plan, part)
    projects.set_dataset(connection, plan.row)
    queue_scoring(connection, config.name, features=config.features is not None)


def held_out(config: ProjectConfig, identity: str) -> bool:
    """Return whether an item without a known label belongs to the hold-out."""
    return share_hash(config.seed, "holdout", identity) < config.labels.holdout


def _delete_unfinished(project: str, database: Database) -> None:
    """Delete what an import that failed or was killed left in the database."""
    more = True
    while more:
        with database.write() as connection:
            more = unfinished_import.delete_part(connection, project)


def _rows(plan: _Plan, places: IntArray) -> list[NewItem]:
    """Return the items at `places` (k,) in the contents."""
    contents, held_out = plan.contents, plan.holdout[places].tolist()
    if isinstance(contents.content, Files):
        paths = [contents.content.paths[place] for place in places]
        return [
            NewItem(contents.ids[place], "file", str(path.absolute()), _MEDIA_TYPES.get(path.suffix.lower()), held)
            for place, path, held in zip(places, paths, held_out, strict=True)
        ]
    media_type = "image/png" if hasattr(contents.content, "array") else None
    return [
        NewItem(contents.ids[place], "array", None, media_type, held)
        for place, held in zip(places, held_out, strict=True)
    ]


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
        fixed = np.setdiff1d(np.asarray(contents.initial, np.int64), np.flatnonzero(holdout))
        if config.labels.initial not in {0, len(fixed)}:
            raise ProjectError(fixed_start(config.name, config.labels.initial, len(fixed)))
        return fixed
    if config.labels.initial > len(known):
        raise ProjectError(
            f"project {config.name!r}: [labels] initial = {config.labels.initial}, "
            f"but the data set knows only {len(known)} labels outside the hold-out"
        )
    return generator(config.seed, "initial").permutation(known)[: config.labels.initial]


def fixed_start(project: str, wanted: int, labelled: int) -> str:
    """Return why a project cannot start with `wanted` labels, if its data set labels other items at the start."""
    return (
        f"project {project!r} cannot start with {wanted:,} labels: its data set itself decides which items are "
        f"labelled at the start, and these are {labelled:,}; leave out [labels] initial, [simulate] start and --start"
    )


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
