"""Where a project stands between two trainings: what whoever labels it wants to know."""

from __future__ import annotations

from sqlalchemy import Connection

from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.records import ProjectStatus, Standing, TrainingNow
from nextlabel.engine.scheduling import last_learnt
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, jobs, labels, projects
from nextlabel.store.projects import ProjectRow


def status(services: Services, config: ProjectConfig, error: str | None) -> ProjectStatus:
    """Return the project at a glance; `error`: why its data set could not be imported, if it could not."""
    with services.database.read() as connection:
        row = projects.get(connection, config.name)
        job = jobs.active(connection, config.name, "train")
        live = checkpoints.get(connection, config.name, row.live) if row and row.live else None
        items, labelled, open_ = _counts(services, row, connection) if row else (0, 0, 0)
    metrics = live.metrics if live else {}
    stop = {name: float(goal) for name, goal in config.stop.model_dump().items() if goal is not None}
    return ProjectStatus(
        name=config.name,
        title=config.title,
        task=row.task if row else None,
        classes=row.classes if row else (),
        kind=services.pool(config.name).kind if row else None,
        items=items,
        labelled=labelled,
        open=open_,
        live=row.live if row else None,
        metrics=metrics,
        stop=stop,
        reached=any(metrics.get(name, 0.0) >= goal for name, goal in stop.items()),
        training=job.id if job else None,
        missing=None if row else error,
    )


def _counts(services: Services, row: ProjectRow, connection: Connection) -> tuple[int, int, int]:
    """Return how many items there are, are labelled, and are open outside the hold-out."""
    with services.label_state(row).current(connection) as state:
        open_ = state.labels.is_open
        return len(state), int((~open_).sum()), int((open_ & ~state.holdout).sum())


def standing(services: Services, every: int, status: ProjectStatus) -> Standing:
    """Return `status` with what people have said since; `every`: labels between two trainings, 0 where asked only.

    Counted are the labels people gave, a retraction and a skip among them, not the data set's own.
    """
    name = status.name
    with services.database.read() as connection:
        given = labels.count(connection, name)
        live = checkpoints.get(connection, name, status.live) if status.live else None
        unseen = labels.count(connection, name, live.card["last_label"]) if live else given
        since = labels.count(connection, name, last_learnt(connection, name)) if every else given
        job = jobs.active(connection, name, "train")
    return Standing(
        project=name,
        items=status.items,
        labelled=status.labelled,
        open=status.open,
        labels=given,
        unseen=unseen,
        train_every=every,
        until_training=max(0, every - since) if every else None,
        training=TrainingNow(job.id, job.state, job.progress) if job else None,
        checkpoint=status.live,
        metrics=status.metrics,
        stop=status.stop,
        reached=status.reached,
    )
