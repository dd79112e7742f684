"""One project, in parts: queries, labels, items, models, training and progress."""

from __future__ import annotations

import time

from sqlalchemy import Connection

from nextlabel.contracts.errors import NotReady
from nextlabel.engine.browse.item_service import ItemService
from nextlabel.engine.labels.label_service import LabelService
from nextlabel.engine.predict.model_service import ModelService
from nextlabel.engine.progress.progress import Progress
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.queries.service import QueryService
from nextlabel.engine.records import ProjectStatus, Standing
from nextlabel.engine.scheduling import queue_once
from nextlabel.engine.services import Services
from nextlabel.engine.status import standing, status
from nextlabel.engine.training.training_service import TrainingService
from nextlabel.store import jobs
from nextlabel.store.jobs import JobRow
from nextlabel.store.projects import ProjectRow

_RETRY_AFTER = 60
"""Seconds until the import of a data set that could not be read is tried again."""


class Project:
    """One project. Cheap to create; the services hold what is expensive."""

    def __init__(self, services: Services, config: ProjectConfig) -> None:
        self.config = config
        self._services = services
        self.queries = QueryService(services, config, self._imported)
        self.labels = LabelService(services, config, self._imported)
        self.models = ModelService(services, config.name, self._imported)
        self.items = ItemService(services, config, self._imported)
        self.training = TrainingService(services, config.name)

    @property
    def progress(self) -> Progress:
        """The project's progress, read anew: use one object for one request."""
        return Progress(self._services, self.config.name)

    def status(self) -> ProjectStatus:
        """Return the project at a glance."""
        with self._services.database.read() as connection:
            failed = self._failed_import(connection)
        return status(self._services, self.config, failed.error if failed else None)

    def standing(self) -> Standing:
        """Return the labels and trainings since the live checkpoint was trained."""
        return standing(self._services, self.config.train.every, self.status())

    def _imported(self) -> ProjectRow:
        """Return the project's row. Queues the import of its data set and raises NotReady if there is none yet."""
        try:
            return self._services.row(self.config.name)
        except NotReady:
            with self._services.database.read() as connection:
                last = self._failed_import(connection)
            if last is None or last.created < time.time() - _RETRY_AFTER:
                queue_once(self._services, self.config.name, "import")
            if last is None:
                raise
            raise NotReady(str(last.error), _RETRY_AFTER) from None

    def _failed_import(self, connection: Connection) -> JobRow | None:
        """Return the last job that ended, if it failed: why there is no pool yet."""
        ended = [job for job in jobs.page(connection, self.config.name, 5) if job.finished is not None]
        return ended[0] if ended and ended[0].state == "failed" else None
