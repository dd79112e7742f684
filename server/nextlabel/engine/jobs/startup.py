"""Queues the jobs that are due when a server or a worker starts."""

from __future__ import annotations

from nextlabel.engine.scheduling import queue_due, queue_once
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, projects


def queue_startup_jobs(services: Services) -> None:
    """Queue the work that an earlier server left undone, and first trainings.

    Items without scores are scored, a training that is due is queued, and a data set that was
    missing is searched for again. The default project and those marked `automatic` train their
    first checkpoint without being asked.
    """
    for name, config in services.projects.configs.items():
        with services.database.write() as connection:
            queue_due(connection, config)
            row = projects.get(connection, name)
            trained = bool(checkpoints.all(connection, name))
        if row is not None and not row.imported:
            queue_once(services.database, name, "import")
        if not trained and (config.automatic or name == services.settings.default_project):
            queue_once(services.database, name, "train")
