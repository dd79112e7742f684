"""Bundled checkpoints: those in `trained/<project>/<name>/`, registered beside the ones trained in this home folder."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from nextlabel.contracts.data import Content, Contents, Files, VectorItems
from nextlabel.contracts.errors import Gone, Unprocessable
from nextlabel.contracts.interfaces import ImageInput
from nextlabel.engine.checkpoints.serialization import model_input
from nextlabel.engine.pool_files import write_pool
from nextlabel.engine.scheduling import queue_scoring
from nextlabel.engine.services import Services
from nextlabel.engine.settings import Settings
from nextlabel.store import checkpoints, items, projects
from nextlabel.store.atomic import new_folder
from nextlabel.store.checkpoint_files import CARD, read_card
from nextlabel.store.checkpoints import CheckpointRow, ScoringRow
from nextlabel.store.file_lock import file_lock
from nextlabel.store.projects import ProjectRow

_NAME = re.compile(r"(?!r[0-9]+$)[A-Za-z0-9_][A-Za-z0-9_.-]*")
_REQUIRED = ("project", "created", "task", "classes", "input", "onnx", "description", "learner", "seed", "metrics")
"""Entries that the card of a bundled checkpoint must have."""


@dataclass(frozen=True)
class BundledCheckpoint:
    """A bundled checkpoint on disk."""

    project: str
    name: str
    folder: Path
    card: Mapping[str, Any]


def trained_folder(settings: Settings) -> Path:
    """Return the folder of bundled checkpoints: the setting, else the source checkout's, else the wheel's."""
    if settings.trained is not None:
        return settings.trained.absolute()
    package = Path(__file__).parents[1]
    checkout = package.parents[1]
    is_checkout = package.parent.name == "server" and (checkout / "pyproject.toml").is_file()
    return (checkout if is_checkout else package) / "trained"


def find(folder: Path) -> tuple[list[BundledCheckpoint], list[str]]:
    """Return the usable bundled checkpoints in `folder`, older ones first, and one line per unusable one."""
    bundled, faults = [], []
    for path in sorted(folder.glob(f"[!.]*/[!.]*/{CARD}")):
        project, name = path.parts[-3:-1]
        try:
            card = read_card(path.parent)
        except Gone as error:
            faults.append(str(error))
            continue
        fault = _fault(card, project, name)
        if fault is None:
            bundled.append(BundledCheckpoint(project, name, path.parent, card))
        else:
            faults.append(f"the bundled checkpoint in {path.parent} cannot be used: {fault}")
    bundled.sort(key=lambda checkpoint: (checkpoint.project, checkpoint.card["created"], checkpoint.name))
    return bundled, faults


def register(services: Services) -> list[str]:
    """Register the bundled checkpoint of every known project, and return the faults, one line each.

    The first one goes live, and a newer bundled one replaces an older bundled one. A checkpoint
    that was trained or promoted here stays live. Registering a second time changes nothing.
    """
    assert services.home.trained is not None
    bundled, faults = find(services.home.trained)
    for checkpoint in bundled:
        if checkpoint.project in services.projects.configs:
            fault = _register(services, checkpoint)
            if fault is not None:
                faults.append(f"the bundled checkpoint in {checkpoint.folder} is left out: {fault}")
    return faults


def check_name(name: str) -> None:
    """Raise Unprocessable if a bundled checkpoint cannot have this name."""
    if not _NAME.fullmatch(name):
        raise Unprocessable(
            f"a bundled checkpoint cannot be called {name!r}; valid are letters, digits, '_', '-' and '.', the last "
            "two not at the start; r1, r2, ... are the names of checkpoints trained here"
        )


def _fault(card: Mapping[str, Any], project: str, name: str) -> str | None:
    """Return why a card cannot be used, or None."""
    missing = [key for key in _REQUIRED if key not in card]
    if missing:
        return f"its card has no {', '.join(missing)}"
    if card["project"] != project:
        return f"its card belongs to project {card['project']!r}"
    try:
        check_name(name)
    except Unprocessable as error:
        return str(error)
    if card["input"] is None or card.get("fitted"):
        return "its model is transductive, and cannot predict without its pool"
    return None


def _register(services: Services, bundled: BundledCheckpoint) -> str | None:
    """Register one checkpoint if it is new, and return why it cannot be, or None."""
    with services.database.read() as connection:
        known = checkpoints.get(connection, bundled.project, bundled.name)
    if known is None:
        with file_lock(services.home.root / "shipping.lock"):  # a server and a command may start together
            _write_empty_pool(services, bundled)
            with services.database.write() as connection:
                known = checkpoints.get(connection, bundled.project, bundled.name)
                if known is None:
                    return _insert(services, connection, bundled)
    return None if known.job is None else "a checkpoint trained here has the same name"


def _insert(services: Services, connection: Connection, bundled: BundledCheckpoint) -> str | None:
    """Store the checkpoint, and its project if that is new; return why it does not fit the project, or None."""
    now = time.time()
    row = projects.get(connection, bundled.project)
    classes = bundled.card["classes"]
    if row is None:
        row = ProjectRow(bundled.project, bundled.card["task"], tuple(classes), False, False, 0.0)
        projects.create(connection, row)
    elif (row.task, list(row.classes)) != (bundled.card["task"], classes):
        return f"its classes are {', '.join(classes)}, those of the project {', '.join(row.classes)}"
    live = checkpoints.get(connection, bundled.project, row.live) if row.live else None
    promote = live is None or live.job is None
    checkpoint = CheckpointRow(
        project=bundled.project,
        name=bundled.name,
        number=checkpoints.next_number(connection, bundled.project),
        job=None,
        created=now,
        metrics=bundled.card["metrics"],
        # labels are numbered in each home folder, and the model was trained on none of this one
        card={**bundled.card, "last_label": 0},
        verdict="ships with the product" + ("" if promote else "; the live checkpoint was trained here"),
        folder=services.home.name(bundled.folder),
        promoted=promote,
    )
    checkpoints.insert(connection, checkpoint)
    if promote:
        projects.set_live(connection, bundled.project, bundled.name)
    # an empty pool has nothing to score; but a scoring also writes the network of the features
    if not items.count(connection, bundled.project) and not bundled.card.get("features"):
        folder = services.home.name(services.home.scores(bundled.project, f"{bundled.name}-0"))
        scoring = ScoringRow(bundled.project, bundled.name, rows=0, arrays=(), folder=folder, created=now, last_label=0)
        checkpoints.insert_scoring(connection, scoring)
    queue_scoring(connection, bundled.project)
    return None


def _write_empty_pool(services: Services, bundled: BundledCheckpoint) -> None:
    """Write an empty pool of what the model takes; annotators fill it."""
    folder = services.home.empty_pool(bundled.project)
    if folder.exists():
        return
    spec = model_input(bundled.card)
    assert spec is not None
    content: Content
    if isinstance(spec, ImageInput):
        content = Files([], spec.channels)
    else:
        content = VectorItems(np.empty((0, spec.dimensions), np.float32))
    with new_folder(folder) as partial:
        write_pool(partial, Contents(ids=[], content=content, classes=tuple(bundled.card["classes"])))
