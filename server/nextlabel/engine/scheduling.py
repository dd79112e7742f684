"""Puts jobs in the queue, without queueing the same work twice."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from sqlalchemy import Connection

from nextlabel.engine.project_files import ProjectConfig
from nextlabel.store import checkpoints, items, jobs, labels, projects
from nextlabel.store.database import Database
from nextlabel.store.jobs import JobRow, State

Kind = Literal["import", "train", "score"]
RECENT = 60.0
"""Seconds for which what a job did counts; then one that failed may be queued again."""


def queue_once(database: Database, project: str, kind: Kind, parameters: Mapping[str, Any] | None = None) -> int:
    """Return the number of the project's job of this kind that is queued or running, else of a new one.

    A scoring counts only if it computes all of `parameters["needs"]` and prepares all of
    `parameters["prepare"]`, and a choice only if its `parameters["choose"]` is the same.
    """
    parameters = dict(parameters or {})
    with database.write() as connection:
        for job in jobs.all_active(connection, project, kind):
            same_choice = parameters.get("choose") == job.parameters.get("choose")
            needs, prepare = parameters.get("needs", ()), parameters.get("prepare", ())
            if same_choice and includes(job.parameters, needs, prepare):
                return job.id
        return jobs.queue(connection, project, kind, parameters, time.time())


def includes(scoring: Mapping[str, Any], needs: Iterable[str], prepare: Iterable[str]) -> bool:
    """Return whether a scoring job with these parameters computes `needs` and prepares the strategies in `prepare`."""
    return set(needs) <= set(scoring.get("needs", ())) and set(prepare) <= set(scoring.get("prepare", ()))


def queue_scoring(connection: Connection, project: str, *, features: bool = False) -> None:
    """Queue a scoring if the live checkpoint lacks scores of some items, unless one is queued already.

    `features`: whether the project has a source of features, which are computed before there is any checkpoint.
    """
    row = projects.get(connection, project)
    unfinished = jobs.all_active(connection, project, "score")
    if row is None or any(job.state == "queued" and not is_choice(job) for job in unfinished):
        return
    live = checkpoints.get(connection, project, row.live) if row.live else None
    scoring = checkpoints.scoring(connection, project, row.live)
    if live is None and not features:
        return
    # a transductive model cannot score the items added since
    extends = live is None or live.card["input"] is not None
    if scoring is None or (extends and scoring.rows < items.count(connection, project)):
        jobs.queue(connection, project, "score", {}, time.time())


def queue_scoring_again(connection: Connection, project: str, *, features: bool = False) -> None:
    """Queue a scoring, unless the last one is queued, runs, or ended without success less than a minute ago."""
    last = next(iter(jobs.latest(connection, project, "score", 1)), None)
    if last is None or not (
        last.state in {"queued", "running"} or _just_ended(last, "failed", "interrupted", "cancelled")
    ):
        queue_scoring(connection, project, features=features)


def queue_training_when_due(connection: Connection, project: str, every: int) -> None:
    """Queue a training if annotators added `every` labels that no checkpoint was trained on (0: never)."""
    if not every or jobs.active(connection, project, "train") is not None:
        return
    if labels.count(connection, project, last_trained_label(connection, project)) < every:
        return
    if not any(_just_ended(last, "failed") for last in jobs.latest(connection, project, "train", 1)):
        jobs.queue(connection, project, "train", {}, time.time())


def queue_due(connection: Connection, config: ProjectConfig) -> None:
    """Queue a scoring if items lack scores, and a training if the project trains by itself and one is due."""
    queue_scoring(connection, config.name, features=config.features is not None)
    queue_training_when_due(connection, config.name, config.train.every)


def last_trained_label(connection: Connection, project: str) -> int:
    """Return the number of the last label that any checkpoint was trained on, or 0."""
    return max((row.card["last_label"] for row in checkpoints.all(connection, project)), default=0)


def is_choice(job: JobRow) -> bool:
    """Return whether a job of kind "score" scores no pool: it runs a strategy for a query."""
    return "choose" in job.parameters


def is_recent(job: JobRow) -> bool:
    """Return whether a job ended less than a minute ago."""
    return (job.finished or 0.0) > time.time() - RECENT


def _just_ended(job: JobRow, *states: State) -> bool:
    return job.state in states and is_recent(job)
