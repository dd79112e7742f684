"""Queues the trainings of one project."""

from __future__ import annotations

import time

from nextlabel.store import jobs
from nextlabel.store.database import Database


class TrainingService:
    """Queues trainings of one project; a worker runs them."""

    def __init__(self, database: Database, project: str) -> None:
        self._database = database
        self._project = project

    def start(self, *, from_scratch: bool = False) -> int:
        """Queue a training and return its job's number. Raises Conflict if one is queued or running.

        With `from_scratch` it does not start from the live checkpoint.
        """
        parameters = {"from_scratch": True} if from_scratch else {}
        with self._database.write() as connection:
            return jobs.queue(connection, self._project, "train", parameters, time.time())
