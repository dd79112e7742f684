"""The options that commands share, and the engine that they open."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from nextlabel.app import build_engine, prepare
from nextlabel.engine.datasets.import_dataset import import_dataset
from nextlabel.engine.engine import Engine
from nextlabel.engine.project import Project
from nextlabel.engine.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
FOLDER = click.Path(file_okay=False, path_type=Path)

_SETTINGS: dict[str, dict[str, Any]] = {
    "home": {"type": FOLDER},
    "data": {"type": FOLDER},
    "projects": {"type": FOLDER},
    "host": {},
    "port": {"type": click.IntRange(0, 65535)},
}
_COMMON = ("home", "data", "projects")

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")


class _Project(click.ParamType[tuple[str, Path | None]]):
    """A project's name, or the path of a project file."""

    name = "project"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path | None]:
        """Return the project's name, and its file if `value` is a path: if it has a slash or ends in .toml."""
        path = Path(value)
        if path.suffix != ".toml" and "/" not in value and os.sep not in value:
            return value, None
        if path.suffix != ".toml":
            self.fail(f"{value!r} is a path, but not that of a project file, which ends in .toml", param, ctx)
        if not path.is_file():
            self.fail(f"there is no project file {value}", param, ctx)
        return path.stem, path


def project_name(function: F) -> F:
    """Add the argument PROJECT, and hand the command its `name`, and its `project_file` or None."""

    @wraps(function)
    def command(**arguments: Any) -> Any:
        name, file = arguments.pop("project")
        return function(name=name, project_file=file, **arguments)

    return cast("F", click.argument("project", metavar="PROJECT", type=_Project())(command))


def with_settings(*further: str) -> Callable[[F], Callable[..., Any]]:
    """Add --home, --data, --projects and `further` settings, and hand the command `settings`."""
    names = (*_COMMON, *further)

    def decorate(function: F) -> Callable[..., Any]:
        @wraps(function)
        def command(**arguments: Any) -> Any:
            chosen = {name: arguments.pop(name) for name in names}
            return function(settings=Settings.from_environment(**chosen), **arguments)

        for name in reversed(names):
            field = Settings.model_fields[name]
            description = str(field.description)
            has_default = field.default is not None and field.default_factory is None
            default = f"; default {field.default}" if has_default else ""
            text = f"{description[0].upper()}{description[1:]}. [NEXTLABEL_{name.upper()}{default}]"
            command = click.option(f"--{name}", name, help=text, **_SETTINGS[name])(command)
        return command

    return decorate


def imported_project(engine: Engine, name: str) -> Project:
    """Return a project, after importing its data set if that was not done yet."""
    project, services = engine.project(name), engine.services
    import_dataset(project.config, services.registry, services.settings, services.database, services.home)
    return project


@contextmanager
def open_engine(settings: Settings, project_file: Path | None = None) -> Iterator[Engine]:
    """Yield an engine on the home folder, which is created or brought up to date first.

    `project_file` is a project file to read beside those that the settings name.
    """
    prepare(settings, project_file=project_file)
    engine = build_engine(settings, project_file)
    try:
        yield engine
    finally:
        engine.services.database.dispose()
