"""Queues the jobs that are due when a server or a worker starts."""

from __future__ import annotations

from nextlabel.engine.linked_features import lacks_network
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.scheduling import queue_due, queue_once
from nextlabel.engine.scores import stored_scores
from nextlabel.engine.services import Services
from nextlabel.engine.status import failed_import
from nextlabel.store import checkpoints, projects


def queue_startup_jobs(services: Services) -> None:
    """Queue the work that an earlier server left undone, and first trainings.

    Items without scores are scored, as are all items of a project whose scores, features or network
    were deleted; a training that is due is queued, and a data set that was
    missing is searched for again. The default project and those marked `automatic` train their
    first checkpoint without being asked. The jobs of the default project are queued first.
    """
    default = services.settings.default_project
    for name, config in sorted(services.projects.configs.items(), key=lambda entry: entry[0] != default):
        with services.database.write() as connection:
            queue_due(connection, config)
            row = projects.get(connection, name)
            trained = bool(checkpoints.all(connection, name))
            failed = row is None and failed_import(connection, name) is not None
        if _has_lost_files(services, config):
            queue_once(services.database, name, "score")
        if row is not None and not row.imported:
            queue_once(services.database, name, "import")
        if not trained and (config.automatic or name == default):
            queue_once(services.database, name, "train")
        elif failed:
            queue_once(services.database, name, "import")


def _has_lost_files(services: Services, config: ProjectConfig) -> bool:
    """Return whether the newest scores, their features, or the network of the live checkpoint's features are gone."""
    with services.database.read() as connection:
        row = projects.get(connection, config.name)
        live = checkpoints.get(connection, config.name, row.live) if row and row.live else None
        scoring = checkpoints.scoring(connection, config.name, live.name if live else None)
    if live is None and config.features is None:
        return False
    if live is not None and lacks_network(services.home, live.card):
        return True
    return scoring is not None and stored_scores(services.home, scoring) is None
