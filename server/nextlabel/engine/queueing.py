"""Putting work in the queue: once, whoever asks how often."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from nextlabel.engine.context import Context
from nextlabel.store import checkpoints, items, jobs, projects

Kind = Literal["import", "train", "score"]


def queue_once(context: Context, project: str, kind: Kind, parameters: Mapping[str, Any] | None = None) -> int:
    """Return the job of this kind that is queued or running for the project, else a new one."""
    given = dict(parameters or {})
    with context.database.write() as connection:
        active = jobs.active(connection, project, kind)
        if active is not None and set(given.get("needs", ())) <= set(active.parameters.get("needs", ())):
            return active.id
        return jobs.queue(connection, project, kind, given, time.time())


def catch_up(context: Context) -> None:
    """Queue what a start, or a crash, left to do.

    The default project and those marked `automatic` train their first checkpoint unasked;
    items without scores are scored.
    """
    for name, config in context.projects.configs.items():
        with context.database.read() as connection:
            row = projects.get(connection, name)
            live = checkpoints.get(connection, name, row.live) if row and row.live else None
            scoring = checkpoints.scoring(connection, name, live.name) if live else None
            count = items.count(connection, name)
            trained = bool(checkpoints.all(connection, name))
        if not trained and (config.automatic or name == context.settings.default_project):
            queue_once(context, name, "train")
        elif live is not None and (scoring is None or scoring.rows < count):
            queue_once(context, name, "score")
