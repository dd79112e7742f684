"""Checkpoints that ship with the product: `trained/<project>/<name>/`, registered beside those trained here."""

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
from nextlabel.engine.checkpoints.serialization import drawn, model_input
from nextlabel.engine.pool_files import write_pool
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.scheduling import queue_scoring
from nextlabel.engine.services import Services
from nextlabel.engine.settings import Settings
from nextlabel.store import checkpoints, items, projects
from nextlabel.store.atomic import new_folder
from nextlabel.store.checkpoint_files import CARD, read_card
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.file_lock import file_lock
from nextlabel.store.projects import ProjectRow

_NAME = re.compile(r"(?!r[0-9]+$)[A-Za-z0-9_][A-Za-z0-9_.-]*")
_NEEDED = ("project", "created", "task", "classes", "input", "onnx", "description", "learner", "seed", "metrics")


@dataclass(frozen=True)
class BundledCheckpoint:
    """A checkpoint that ships."""

    project: str
    name: str
    folder: Path
    card: Mapping[str, Any]


def trained_folder(settings: Settings) -> Path:
    """Return the folder of what ships: the setting, else that of the wheel, else that of the source checkout."""
    if settings.trained is not None:
        return settings.trained.absolute()
    package = Path(__file__).parents[1]
    checkout = package.parents[1]
    is_checkout = package.parent.name == "server" and (checkout / "pyproject.toml").is_file()
    return (checkout if is_checkout else package) / "trained"


def find(folder: Path) -> tuple[list[BundledCheckpoint], list[str]]:
    """Return what ships in `folder`, older ones first, and a line for each that cannot be used."""
    found, faults = [], []
    for path in sorted(folder.glob(f"[!.]*/[!.]*/{CARD}")):
        project, name = path.parts[-3:-1]
        try:
            card = read_card(path.parent)
        except Gone as error:
            faults.append(str(error))
            continue
        fault = _fault(card, project, name)
        if fault is None:
            found.append(BundledCheckpoint(project, name, path.parent, card))
        else:
            faults.append(f"the checkpoint in {path.parent} cannot ship: {fault}")
    return sorted(found, key=lambda one: (one.project, one.card["created"], one.name)), faults


def register(services: Services) -> list[str]:
    """Make each shipped checkpoint of a known project one of its own; returns what is wrong, a line each.

    The first is live, and a newer one replaces an older that ships; one that was trained or
    promoted here over it stays live. Done before, it does nothing.
    """
    assert services.home.trained is not None
    found, faults = find(services.home.trained)
    for one in found:
        if one.project in services.projects.configs:
            fault = _register(services, one)
            if fault is not None:
                faults.append(f"the checkpoint in {one.folder} is left out: {fault}")
    return faults


def held_out_elsewhere(found: CheckpointRow, project: ProjectRow, config: ProjectConfig) -> bool:
    """Tell whether a checkpoint that ships may have learnt from items of the data set that the project holds out.

    So it is where the project's file is another than the one it was made with.
    """
    if found.job is not None or not project.imported:
        return False
    return any(found.card.get(name) != value for name, value in drawn(config).items())


def check_name(name: str) -> None:
    """Raise Unprocessable where a shipped checkpoint cannot be called so."""
    if not _NAME.fullmatch(name):
        raise Unprocessable(
            f"a checkpoint that ships cannot be called {name!r}: letters, digits, '_', '-' and '.', the last two "
            "not first, and not r1, r2, ..., as those trained here are"
        )


def _fault(card: Mapping[str, Any], project: str, name: str) -> str | None:
    missing = [name for name in _NEEDED if name not in card]
    if missing:
        return f"its card says nothing of {', '.join(missing)}"
    if card["project"] != project:
        return f"its card is of project {card['project']!r}"
    try:
        check_name(name)
    except Unprocessable as error:
        return str(error)
    if card["input"] is None:
        return "its model knows only its pool, and answers nothing without it"
    return None


def _register(services: Services, one: BundledCheckpoint) -> str | None:
    with services.database.read() as connection:
        known = checkpoints.get(connection, one.project, one.name)
    if known is None:
        with file_lock(services.home.root / "shipping.lock"):  # a server and a command may start together
            _write_empty_pool(services, one)
            with services.database.write() as connection:
                known = checkpoints.get(connection, one.project, one.name)
                if known is None:
                    return _insert(services, connection, one)
    return None if known.job is None else "a checkpoint trained here has its name"


def _insert(services: Services, connection: Connection, one: BundledCheckpoint) -> str | None:
    now = time.time()
    row = projects.get(connection, one.project)
    if row is None:
        row = ProjectRow(one.project, one.card["task"], tuple(one.card["classes"]), False, False, 0.0)
        projects.create(connection, row)
    elif (row.task, list(row.classes)) != (one.card["task"], one.card["classes"]):
        return f"it knows the classes {', '.join(one.card['classes'])}, the project has {', '.join(row.classes)}"
    live = checkpoints.get(connection, one.project, row.live) if row.live else None
    promote = live is None or live.job is None
    verdict = "ships with the product" + ("" if promote else "; the live checkpoint was trained here")
    # labels are counted anew in each home folder, and none of this one's has been learnt from
    card = {**one.card, "last_label": 0}
    number = checkpoints.next_number(connection, one.project)
    folder = services.home.name(one.folder)
    checkpoints.insert(
        connection,
        CheckpointRow(one.project, one.name, number, None, now, one.card["metrics"], card, verdict, folder),
    )
    if promote:
        projects.set_live(connection, one.project, one.name)
    if not items.count(connection, one.project):  # of an empty pool all is said already
        checkpoints.insert_scoring(
            connection,
            project=one.project,
            checkpoint=one.name,
            rows=0,
            arrays=(),
            folder=services.home.name(services.home.scores(one.project, f"{one.name}-0")),
            created=now,
            last_label=0,
        )
    queue_scoring(connection, one.project)
    return None


def _write_empty_pool(services: Services, one: BundledCheckpoint) -> None:
    """Write the description of a pool that people fill with what the model takes."""
    folder = services.home.empty_pool(one.project)
    if folder.exists():
        return
    spec = model_input(one.card)
    assert spec is not None
    content: Content
    if isinstance(spec, ImageInput):
        content = Files([], spec.channels)
    else:
        content = VectorItems(np.empty((0, spec.dimensions), np.float32))
    with new_folder(folder) as partial:
        write_pool(partial, Contents(ids=[], content=content, classes=tuple(one.card["classes"])))
