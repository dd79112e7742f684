"""The factory: the only place where objects are wired together."""

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
    from flask import Flask

    from nextlabel.engine.plugins.registry import Registry


def build_services(settings: Settings, registry: Registry | None = None, projects: Projects | None = None) -> Services:
    """Wire the engine's parts; plugins are loaded and projects read unless they are given.

    PluginError where two plugins clash; ProjectError where the folder of projects is missing.
    """
    if registry is None:
        registry = load(blocked=settings.blocked)
        registry.check()
    database, home = Database(settings.url), Home(settings.home, trained_folder(settings))
    return Services(
        settings=settings,
        registry=registry,
        projects=load_projects(registry, settings.projects) if projects is None else projects,
        database=database,
        home=home,
        live=LiveModels(database, home, registry),
    )


def build_engine(settings: Settings) -> Engine:
    """Return the engine; its database must have been made with `prepare` before it is used."""
    return Engine(build_services(settings))


def prepare(settings: Settings, *, shipped: bool = True) -> list[str]:
    """Make the home folder and bring the database to this version. Once, before anything serves.

    Checkpoints that ship with the product are registered, unless `shipped` is False; returned
    is what is wrong with them, a line each.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.url)
    try:
        database.migrate()
    finally:
        database.dispose()
    if not shipped or find(trained_folder(settings)) == ([], []):
        return []
    services = build_services(settings)
    try:
        return register(services)
    finally:
        services.database.dispose()


def create_app(settings: Settings, engine: Engine | None = None) -> Flask:
    """Return the web app; as `build_engine`, it needs a prepared database."""
    from nextlabel.web.application import application  # noqa: PLC0415 - a terminal's commands need no Flask

    return application(engine or build_engine(settings))
