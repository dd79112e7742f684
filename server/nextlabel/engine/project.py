"""One project, in parts: queries, labels, items, models and progress."""

from __future__ import annotations

import time

from nextlabel.contracts.errors import NotReady
from nextlabel.engine.browse.item_service import ItemService
from nextlabel.engine.labels.label_service import LabelService
from nextlabel.engine.predict.model_service import ModelService
from nextlabel.engine.progress.progress import Progress
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.queries.service import QueryService
from nextlabel.engine.scheduling import queue_once
from nextlabel.engine.services import Services
from nextlabel.engine.status import ProjectStatus, failed_import, status
from nextlabel.store import jobs
from nextlabel.store.projects import ProjectRow

_RETRY_AFTER = 60
"""Seconds after which a failed import of the data set is tried again."""


class Project:
    """One project. Creating it is cheap; the services hold what is expensive."""

    def __init__(self, services: Services, config: ProjectConfig) -> None:
        self.config = config
        self._services = services
        self.queries = QueryService(services, config, self._imported)
        self.labels = LabelService(services.database, services.label_state, config, self._imported)
        self.models = ModelService(services, config.name, self._imported)
        self.items = ItemService(services, config, self._imported)

    @property
    def progress(self) -> Progress:
        """A new view of the project's progress: use one object per request."""
        return Progress(self._services, self.config.name)

    def status(self) -> ProjectStatus:
        """Return the status of the project; it needs no imported data set."""
        return status(self._services, self.config)

    def start_training(self, *, from_scratch: bool = False) -> int:
        """Queue a training and return its job's number. Raises Conflict if one is queued or running.

        With `from_scratch` it does not start from the live checkpoint.
        """
        parameters = {"from_scratch": True} if from_scratch else {}
        with self._services.database.write() as connection:
            return jobs.queue(connection, self.config.name, "train", parameters, time.time())

    def _imported(self) -> ProjectRow:
        """Return the project's row. Queues the import of its data set and raises NotReady if there is none yet."""
        try:
            return self._services.row(self.config.name)
        except NotReady as not_read:
            with self._services.database.read() as connection:
                failed = failed_import(connection, self.config.name)
            if failed is not None and failed.created >= time.time() - _RETRY_AFTER:
                raise NotReady(str(failed.error), _RETRY_AFTER) from None
            number = queue_once(self._services.database, self.config.name, "import")
            raise NotReady(f"{not_read} (job {number} reads it)", 2) from None
