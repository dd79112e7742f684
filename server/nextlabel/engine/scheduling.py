"""Putting work in the queue: once, whoever asks how often."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import Connection

from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, items, jobs, labels, projects
from nextlabel.store.jobs import JobRow, State

Kind = Literal["import", "train", "score"]
_RECENT = 100
_TRY_AGAIN = 60.0
"""Seconds after which a job that failed is tried again: a training as the labels come in, a scoring as people ask."""


def queue_once(services: Services, project: str, kind: Kind, parameters: Mapping[str, Any] | None = None) -> int:
    """Return the job of this kind that is queued or running for the project, else a new one."""
    given = dict(parameters or {})
    with services.database.write() as connection:
        for job in _unfinished(connection, project, kind):
            if set(given.get("needs", ())) <= set(job.parameters.get("needs", ())):
                return job.id
        return jobs.queue(connection, project, kind, given, time.time())


def queue_scoring(connection: Connection, project: str) -> None:
    """Queue a scoring where the live checkpoint lacks scores of some items, unless one waits already."""
    row = projects.get(connection, project)
    live = checkpoints.get(connection, project, row.live) if row and row.live else None
    if live is None or any(job.state == "queued" for job in _unfinished(connection, project, "score")):
        return
    scoring = checkpoints.scoring(connection, project, live.name)
    # a model that knows only its pool has no answer for what came since
    if scoring is None or (live.card["input"] is not None and scoring.rows < items.count(connection, project)):
        jobs.queue(connection, project, "score", {}, time.time())


def queue_scoring_again(connection: Connection, project: str) -> None:
    """Queue a scoring, unless the last one waits or runs, was cancelled, or came to a bad end just now."""
    last = _last(connection, project, "score")
    if last is None or not (
        last.state in {"queued", "running", "cancelled"} or _just_ended(last, "failed", "interrupted")
    ):
        queue_scoring(connection, project)


def queue_training_when_due(connection: Connection, project: str, every: int) -> None:
    """Queue a training once people gave `every` labels that no checkpoint has learnt from (0: never)."""
    if not every or jobs.active(connection, project, "train") is not None:
        return
    last = _last(connection, project, "train")
    if last is not None and _just_ended(last, "failed"):
        return
    if labels.count(connection, project, last_learnt(connection, project)) >= every:
        jobs.queue(connection, project, "train", {}, time.time())


def queue_what_is_due(connection: Connection, config: ProjectConfig) -> None:
    """Queue a scoring of items without scores, and a training where the project trains by itself."""
    queue_scoring(connection, config.name)
    queue_training_when_due(connection, config.name, config.train.every)


def last_learnt(connection: Connection, project: str) -> int:
    """Return the number of the last label that a checkpoint has learnt from, 0 where none has."""
    return max((found.card["last_label"] for found in checkpoints.all(connection, project)), default=0)


def catch_up(services: Services) -> None:
    """Queue what a start, or a crash, left to do.

    The default project and those marked `automatic` train their first checkpoint unasked;
    items without scores are scored, labels enough are learnt from; a data set that was not there
    before is looked for again.
    """
    for name, config in services.projects.configs.items():
        with services.database.write() as connection:
            queue_what_is_due(connection, config)
            row = projects.get(connection, name)
            trained = bool(checkpoints.all(connection, name))
        if row is not None and not row.imported:
            queue_once(services, name, "import")
        if not trained and (config.automatic or name == services.settings.default_project):
            queue_once(services, name, "train")


def _last(connection: Connection, project: str, kind: Kind) -> JobRow | None:
    return next((job for job in jobs.page(connection, project, _RECENT) if job.kind == kind), None)


def _just_ended(job: JobRow, *states: State) -> bool:
    return job.state in states and (job.finished or 0.0) > time.time() - _TRY_AGAIN


def _unfinished(connection: Connection, project: str, kind: Kind) -> list[JobRow]:
    oldest = jobs.active(connection, project, kind)
    if oldest is None:
        return []
    recent = jobs.page(connection, project, _RECENT)
    return [oldest, *(job for job in recent if job.kind == kind and job.state in {"queued", "running"})]
