"""Wires the objects of the application together; nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextlabel.engine.bundled_checkpoints import find, register, trained_folder
from nextlabel.engine.engine import Engine
from nextlabel.engine.live_models import LiveModels
from nextlabel.engine.plugins.registry import load
from nextlabel.engine.project_files import Projects, load_projects
from nextlabel.engine.services import Services
from nextlabel.engine.settings import Settings
from nextlabel.store.database import Database
from nextlabel.store.home import Home

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

    from nextlabel.engine.plugins.registry import Registry


def build_services(
    settings: Settings,
    registry: Registry | None = None,
    projects: Projects | None = None,
    project_file: Path | None = None,
) -> Services:
    """Return the services of the engine. Loads plugins and reads project files unless they are passed.

    `project_file` is a project file to read beside those that the settings name.
    Raises PluginError if two plugins clash, ProjectError if the folder of project files is missing.
    """
    if registry is None:
        registry = load(blocked=settings.blocked)
        registry.check()
    database, home = Database(settings.url), Home(settings.home, trained_folder(settings))
    return Services(
        settings=settings,
        registry=registry,
        projects=load_projects(registry, settings.projects, project_file) if projects is None else projects,
        database=database,
        home=home,
        live=LiveModels(database, home, registry),
    )


def build_engine(settings: Settings, project_file: Path | None = None) -> Engine:
    """Return the engine. Call `prepare` before using it, which creates the database."""
    return Engine(build_services(settings, project_file=project_file))


def prepare(settings: Settings, *, bundled: bool = True, project_file: Path | None = None) -> list[str]:
    """Create the home folder and migrate the database to this version; call it once, before serving.

    Registers the bundled checkpoints unless `bundled` is False, and returns their faults, one line
    each.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.url)
    try:
        database.migrate()
    finally:
        database.dispose()
    if not bundled or find(trained_folder(settings)) == ([], []):
        return []
    services = build_services(settings, project_file=project_file)
    try:
        return register(services)
    finally:
        services.database.dispose()


def create_app(settings: Settings, engine: Engine | None = None) -> Flask:
    """Return the web application. Call `prepare` before using it, which creates the database."""
    from nextlabel.web.application import application  # noqa: PLC0415 - commands do not need Flask

    return application(engine or build_engine(settings))
