"""A data set becomes a pool: its items, its hold-out and its first labels go into the store."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from nextlabel.contracts.data import BoolArray, Contents, Files, FloatArray, IntArray
from nextlabel.contracts.errors import DatasetMissing, ProjectError
from nextlabel.contracts.interfaces import Dataset
from nextlabel.engine.datasets.drop_unreadable import readable
from nextlabel.engine.datasets.validate_contents import check_contents, known_truth
from nextlabel.engine.labels.label_state import DATASET
from nextlabel.engine.plugins.parameters import build
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.pool_files import write_pool
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.random_streams import generator, share_hash
from nextlabel.engine.scheduling import queue_scoring
from nextlabel.engine.settings import Settings
from nextlabel.store import items, labels, projects
from nextlabel.store.atomic import new_folder
from nextlabel.store.database import Database
from nextlabel.store.file_lock import file_lock
from nextlabel.store.home import Home
from nextlabel.store.items import NewItem
from nextlabel.store.labels import Label, LabelEvent
from nextlabel.store.projects import ProjectRow

_MEDIA = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


def import_dataset(
    config: ProjectConfig,
    registry: Registry,
    settings: Settings,
    database: Database,
    home: Home,
    progress: Callable[[float], None] = lambda _: None,
) -> str | None:
    """Read the project's data set into the store; does nothing where that was done before.

    Files that do not decode are left out, which is told on standard error; `progress` is called
    with the share of the files that were looked at.
    A project with a shipped checkpoint runs without: returned is then, in a line, why its pool
    is what people add. DatasetMissing: the data set is not on this machine, and nothing ships.
    """
    with file_lock(home.root / f"import-{config.name}.lock"):  # a training may import too
        with database.read() as connection:
            row = projects.get(connection, config.name)
            filled = items.count(connection, config.name) > 0
        if row is not None and row.imported:
            return None
        if filled:
            return _stays(config)
        try:
            return _import(config, registry, settings, database, home, row, progress)
        except DatasetMissing as missing:
            if row is None:
                raise
            return f"{missing}; the pool of project {config.name!r} is what people add to it"


def _stays(config: ProjectConfig) -> str:
    return f"the pool of project {config.name!r} stays what people have added to it; no data set is read into it"


def _import(
    config: ProjectConfig,
    registry: Registry,
    settings: Settings,
    database: Database,
    home: Home,
    before: ProjectRow | None,
    progress: Callable[[float], None],
) -> str | None:
    record = registry.dataset(config.dataset.plugin)
    dataset: Dataset[object] = build(record, config.dataset.parameters, "[dataset]")
    contents = dataset.read(settings.data, config.seed)
    check_contents(contents, f"data set {config.dataset.plugin!r}")
    if before is not None and (before.task, before.classes) != (contents.task, tuple(contents.classes)):
        raise ProjectError(
            f"project {config.name!r}: the data set's classes are {', '.join(contents.classes)}, "
            f"those of the shipped checkpoint {', '.join(before.classes)}"
        )
    contents, left_out = readable(contents, settings.max_pixels, settings.cores, progress)
    if left_out.reasons and not contents.ids:
        raise ProjectError(f"project {config.name!r} has no image: {left_out.said()}")
    holdout = _holdout(contents, config)
    folder = home.pool(config.name)
    if folder.exists():  # written by an import that died before it reached the database
        shutil.rmtree(folder)
    with new_folder(folder) as partial:
        write_pool(partial, contents, left_out.lines())
    now = time.time()
    row = ProjectRow(
        name=config.name,
        task=contents.task,
        classes=contents.classes,
        known_truth=_knows_enough(contents, config),
        has_test=contents.test is not None,
        imported=now,
    )
    with database.write() as connection:
        if items.count(connection, config.name):  # people were quicker
            return _stays(config)
        if projects.get(connection, config.name) is None:
            projects.create(connection, row)
        else:
            projects.read_in(connection, row)
        positions = items.add(connection, config.name, _rows(contents, holdout), now)
        initial = _given_sets(contents, holdout) + _initial(contents, config, holdout)
        if initial:
            events = [LabelEvent(contents.ids[row], DATASET, label, now) for row, label in initial]
            labels.append(connection, config.name, events, dict(zip(contents.ids, positions, strict=True)))
        queue_scoring(connection, config.name)
    if left_out.reasons:
        print(left_out.said(), file=sys.stderr, flush=True)  # noqa: T201 - a job's log, or the terminal
    return None


def held_out(config: ProjectConfig, identity: str) -> bool:
    """Return whether an item without a known label falls into the hold-out."""
    return share_hash(config.seed, "holdout", identity) < config.labels.holdout


def _rows(contents: Contents, holdout: BoolArray) -> list[NewItem]:
    if isinstance(contents.content, Files):
        paths = contents.content.paths
        return [
            NewItem(identity, "file", str(path.absolute()), _MEDIA.get(path.suffix.lower()), bool(held))
            for identity, path, held in zip(contents.ids, paths, holdout, strict=True)
        ]
    media = "image/png" if hasattr(contents.content, "array") else None
    return [
        NewItem(identity, "array", None, media, bool(held))
        for identity, held in zip(contents.ids, holdout, strict=True)
    ]


def _knows_enough(contents: Contents, config: ProjectConfig) -> bool:
    """Return whether the hold-out's labels are the data set's to give; else people are asked for them.

    They are not where it knows no label, or so few that the share `holdout` takes none of them.
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
    elif _knows_enough(contents, config):
        drawn = generator(config.seed, "holdout").permutation(np.flatnonzero(known))
        mask[drawn[: int(config.labels.holdout * len(drawn))]] = True
    else:
        mask[:] = [held_out(config, identity) for identity in contents.ids]
        mask &= ~known  # the few that are known are all there is to learn from at the start
    return mask


def _initial(contents: Contents, config: ProjectConfig, holdout: BoolArray) -> list[tuple[int, Label]]:
    known = np.flatnonzero(known_truth(contents) & ~holdout)
    if contents.initial is not None:
        chosen: IntArray = np.setdiff1d(np.asarray(contents.initial, np.int64), np.flatnonzero(holdout))
    elif config.labels.initial > len(known):
        raise ProjectError(
            f"project {config.name!r}: [labels] initial = {config.labels.initial}, "
            f"and the data set knows only {len(known)} labels outside the hold-out"
        )
    else:
        chosen = generator(config.seed, "initial").permutation(known)[: config.labels.initial]
    return truth_labels(contents.classes, contents.truth, chosen)


def truth_labels(
    classes: Sequence[str], truth: IntArray | FloatArray | None, chosen: IntArray
) -> list[tuple[int, Label]]:
    """Return the `chosen` rows, each with a full label from the known truth (n,)."""
    if truth is None:
        return []
    if classes:
        return [(int(p), Label(candidates=(classes[int(truth[p])],))) for p in chosen]
    return [(int(p), Label(value=float(truth[p]))) for p in chosen]


def _given_sets(contents: Contents, holdout: BoolArray) -> list[tuple[int, Label]]:
    if contents.candidates is None:
        return []
    says = np.flatnonzero(~contents.candidates.all(axis=1) & ~holdout)
    names = np.asarray(contents.classes, dtype=object)
    return [(int(p), Label(candidates=tuple(names[contents.candidates[p]]))) for p in says]
