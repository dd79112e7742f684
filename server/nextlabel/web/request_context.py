"""The engine, settings and project of the current request."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, g

from nextlabel.contracts.errors import NotFound
from nextlabel.engine.engine import Engine
from nextlabel.engine.project import Project
from nextlabel.engine.records import Job
from nextlabel.engine.settings import Settings

KEY = "nextlabel"


def attach(app: Flask, engine: Engine) -> None:
    """Store the engine on `app`."""
    app.extensions[KEY] = engine


def engine() -> Engine:
    """Return the engine of the current app."""
    current: Engine = current_app.extensions[KEY]
    return current


def settings() -> Settings:
    """Return the settings of the current app."""
    return engine().settings


def take_project(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Move the project from the path values to `g`, so that one view serves the root and every project."""
    del endpoint
    g.project = (values or {}).pop("project", None)


def project() -> str | None:
    """Return the name of the project in the path, or None at the root."""
    name: str | None = g.get("project")
    return name


def current_project() -> Project:
    """Return the project in the path, or the default project at the root. Raises NotFound."""
    return engine().project(project())


def own_job(number: int) -> Job:
    """Return a job. Raises NotFound if there is none, or if it belongs to another project than the one in the path."""
    job = engine().job(number)
    if project() is not None and job.project != current_project().config.name:
        raise NotFound(f"job {number} belongs to project {job.project!r}")
    return job
