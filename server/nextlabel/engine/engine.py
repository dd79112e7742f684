"""The engine: all projects, their jobs, and information about the installation."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from nextlabel.contracts.errors import NotFound
from nextlabel.engine.plugins.parameters import describe_plugins
from nextlabel.engine.project import Project
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.records import Job
from nextlabel.engine.services import Services
from nextlabel.store import jobs
from nextlabel.store.jobs import JobRow

_LOG_BYTES = 16_384
"""Bytes read from the end of a job's log."""
_LOG_LINES = 40
"""Lines returned from the end of a job's log."""
_LIMITS = ("max_upload_bytes", "max_item_bytes", "max_pixels", "max_batch", "max_query", "max_labels", "lease_seconds")
"""Settings that `/info` lists as limits."""


class Engine:
    """The entry point of the engine, used by the web pages, the routes and the commands.

    Commands that run jobs, evaluate, import or export in their own process use its `services`.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.settings = services.settings

    def projects(self) -> Mapping[str, ProjectConfig]:
        """Return the usable projects by name."""
        return self.services.projects.configs

    def project(self, project: str | None = None) -> Project:
        """Return a project, the default one if none is named.

        Raises NotFound if there is no such project, ProjectError if its file cannot be used.
        """
        return Project(self.services, self.services.projects.get(project or self.settings.default_project))

    def jobs(self, project: str | None = None, limit: int = 50, before: int | None = None) -> list[Job]:
        """Return up to `limit` jobs of one project or of all, newest first, with numbers below `before`."""
        with self.services.database.read() as connection:
            rows = jobs.page(connection, project, limit, before)
        return [self._job(row) for row in rows]

    def job(self, number: int) -> Job:
        """Return a job. Raises NotFound."""
        with self.services.database.read() as connection:
            row = jobs.get(connection, number)
        if row is None:
            raise NotFound(f"there is no job {number}")
        return self._job(row)

    def cancel(self, number: int) -> Job:
        """Cancel a job: a queued one at once, a running one as soon as it reports. Raises NotFound.

        A job that has ended is returned unchanged.
        """
        with self.services.database.write() as connection:
            row = jobs.request_cancel(connection, number, time.time())
        return self._job(row)

    def faults(self) -> list[str]:
        """Return the errors in plugins and project files, one line each."""
        return [fault.message for fault in self.services.registry.faults] + list(self.services.projects.faults.values())

    def info(self) -> dict[str, Any]:
        """Return projects, plugins with their versions and parameters, and limits."""
        return {
            "version": version("nextlabel"),
            "default_project": self.settings.default_project,
            "projects": [self._project_info(name) for name in self.projects()],
            "plugins": describe_plugins(self.services.registry),
            "faults": self.faults(),
            "limits": {name: getattr(self.settings, name) for name in _LIMITS},
        }

    def _project_info(self, name: str) -> dict[str, Any]:
        status = self.project(name).status()
        config = self.projects()[name]
        return {
            "name": name,
            "title": status.title,
            "task": status.task,
            "kind": status.kind,
            "classes": list(status.classes),
            "dataset": config.dataset.plugin,
            "features": config.features.plugin if config.features else None,
            "learner": config.learner.plugin,
            "members": [member.plugin for member in config.learner.members],
            "strategy": config.strategy.plugin,
            "checkpoint": status.live,
        }

    def _job(self, row: JobRow) -> Job:
        fields = {name: value for name, value in vars(row).items() if name in Job.__dataclass_fields__}
        return Job(job=row.id, log=self._log(row.id), **fields)

    def _log(self, number: int) -> tuple[str, ...]:
        path = self.services.home.job_log(number)
        if not path.exists():
            return ()
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_BYTES))
            text = file.read().decode("utf-8", "replace")
        return tuple(text.splitlines()[-_LOG_LINES:])
