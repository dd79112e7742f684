"""Where a project stands between two trainings: what whoever labels it wants to know."""

from __future__ import annotations

from nextlabel.engine.records import ProjectStatus, Standing, TrainingNow
from nextlabel.engine.scheduling import last_learnt
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, jobs, labels


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
