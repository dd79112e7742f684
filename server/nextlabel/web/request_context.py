"""What a view finds around it: the engine, and the project the address names."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app, g

from nextlabel.contracts.errors import NotFound

if TYPE_CHECKING:
    from nextlabel.engine.engine import Engine
    from nextlabel.engine.project import Project
    from nextlabel.engine.records import Job
    from nextlabel.engine.settings import Settings

KEY = "nextlabel"


def attach(app: Flask, engine: Engine) -> None:
    """Give `app` its engine."""
    app.extensions[KEY] = engine


def engine() -> Engine:
    """Return the engine of the app that answers."""
    found: Engine = current_app.extensions[KEY]
    return found


def settings() -> Settings:
    """Return its settings."""
    return engine().settings


def take_project(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Take the project out of the address, so that one view serves the root and every project."""
    del endpoint
    g.project = (values or {}).pop("project", None)


def project() -> str | None:
    """Return the project the address names; None at the root."""
    named: str | None = g.get("project")
    return named


def current_project() -> Project:
    """Return the loop of that project, at the root of the default one. Raise NotFound."""
    return engine().project(project())


def own_job(number: int) -> Job:
    """Return a job, of the project the address names where it names one. Raise NotFound."""
    found = engine().job(number)
    if project() is not None and found.project != current_project().config.name:
        raise NotFound(f"job {number} is of project {found.project!r}")
    return found


def product_version() -> str:
    """Return the version that is installed."""
    try:
        return version("nextlabel")
    except PackageNotFoundError:  # run from a checkout
        return "0"
