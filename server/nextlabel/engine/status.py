"""The status of a project: its labels, its live checkpoint, its next training and its goals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.records import JobState
from nextlabel.engine.scheduling import last_trained_label
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, jobs, labels, projects
from nextlabel.store.jobs import JobRow, Kind
from nextlabel.store.projects import ProjectRow

READING: tuple[Kind, ...] = ("import", "train")
"""Kinds of jobs that read the data set, unless that was done before."""


@dataclass(frozen=True)
class TrainingStatus:
    """The training that is running or queued."""

    job: int
    state: JobState
    progress: float


@dataclass(frozen=True)
class ProjectStatus:
    """The status of a project at one moment."""

    name: str
    title: str
    task: str | None
    """None until the data set has been imported."""
    classes: tuple[str, ...]
    kind: Literal["image", "vector", "node"] | None
    items: int
    labelled: int
    """Items whose candidate set is a single class, or that have a value."""
    open: int
    """Items outside the hold-out that are not labelled."""
    holdout: int
    """Items that are held out, labelled or not."""
    labels: int
    """Labels by annotators, retractions and skips included; the data set's own do not count."""
    unseen: int
    """Labels by annotators that the live checkpoint was not trained on."""
    learner: str
    """The learner, or the members of a committee, in words."""
    train_every: int
    """Labels between two trainings; 0: the project does not train by itself."""
    until_training: int | None
    """Labels missing until the next training; None if the project does not train by itself."""
    training: TrainingStatus | None
    live: str | None
    """The live checkpoint."""
    waits_for_network: bool
    """Whether the live checkpoint cannot predict until the network of its features is written."""
    metrics: Mapping[str, float]
    """Metrics of the live checkpoint."""
    stop: Mapping[str, float]
    """Goals in the project file."""
    reached: bool
    """Whether the live checkpoint has reached one of the goals."""
    missing: str | None
    """Why the data set could not be imported, in one line."""


def status(services: Services, config: ProjectConfig) -> ProjectStatus:
    """Return the status of a project, whether its data set has been imported or not."""
    name, every = config.name, config.train.every
    with services.database.read() as connection:
        row = projects.get(connection, name)
        job = jobs.active(connection, name, "train")
        live = checkpoints.get(connection, name, row.live) if row and row.live else None
        items, labelled, open_items, holdout, total = _counts(services, row, connection) if row else (0,) * 5
        seen, trained = live.card["last_label"] if live else 0, last_trained_label(connection, name) if every else 0
        unseen = labels.count(connection, name, seen) if seen else total
        untrained = labels.count(connection, name, trained) if trained else total
        failed = None if row else failed_import(connection, name)
    metrics = live.metrics if live else {}
    stop = {goal: float(value) for goal, value in config.stop.model_dump().items() if value is not None}
    return ProjectStatus(
        name=name,
        title=config.title,
        task=row.task if row else None,
        classes=row.classes if row else (),
        kind=services.pool(name).kind if row else None,
        items=items,
        labelled=labelled,
        open=open_items,
        holdout=holdout,
        labels=total,
        unseen=unseen,
        learner=config.learner.text,
        train_every=every,
        until_training=max(0, every - untrained) if every else None,
        training=TrainingStatus(job.id, job.state, job.progress) if job else None,
        live=row.live if row else None,
        waits_for_network=live is not None and services.live.waits_for_network(live),
        metrics=metrics,
        stop=stop,
        reached=any(
            metrics.get(goal, math.inf) <= value if goal == "rmse" else metrics.get(goal, 0.0) >= value
            for goal, value in stop.items()
        ),
        missing=failed.error if failed else None,
    )


def failed_import(connection: Connection, project: str) -> JobRow | None:
    """Return the last job that ended if it failed: its error is why the project has no pool yet.

    It is none while a job that reads the data set is queued or running: the folder of data sets may be another one.
    """
    if any(jobs.active(connection, project, kind) is not None for kind in READING):
        return None
    ended = [job for job in jobs.page(connection, project, 5) if job.finished is not None]
    return ended[0] if ended and ended[0].state == "failed" else None


def _counts(services: Services, row: ProjectRow, connection: Connection) -> tuple[int, int, int, int, int]:
    """Return the numbers of items, of labelled, open and held-out ones, and of labels, from memory."""
    with services.label_state(row).current(connection) as state:
        is_open = state.labels.is_open
        open_items = int((is_open & ~state.holdout).sum())
        return len(state), int((~is_open).sum()), open_items, int(state.holdout.sum()), state.labels.by_annotators
