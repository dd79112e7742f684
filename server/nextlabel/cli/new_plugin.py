"""nextlabel new-plugin: creates a complete plugin package to modify."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import click

from nextlabel.cli.options import as_json
from nextlabel.cli.output import Screen
from nextlabel.contracts.errors import Conflict, Unprocessable
from nextlabel.engine.plugins.registry import Offer, load

KINDS = ("strategy", "learner", "backbone", "dataset")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MAX_LENGTH = 40
_RESERVED = "plugins"
"""Its package would be nextlabel_plugins, which has nextlabel's own plugins."""
_USAGE = {
    "strategy": "Use it with `nextlabel query PROJECT --strategy $name`, or in a project file:\n\n"
    '    [strategy]\n    plugin = "$name"\n    chance = 0.1',
    "learner": 'Use it in a project file:\n\n    [learner]\n    plugin = "$name"\n    sharpness = 4.0',
    "backbone": 'Use it in a project file:\n\n    [features]\n    plugin = "$name"\n    pixels = 16',
    "dataset": 'Use it in a project file:\n\n    [dataset]\n    plugin = "$name"\n    points = 200',
}


@click.command("new-plugin")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), default="strategy", show_default=True, help="Kind of plugin.")
@click.option(
    "--dir",
    "parent",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    help="Folder to create the package in.",
)
@as_json
def command(name: str, kind: str, parent: Path, as_json: bool) -> None:
    """Create a package with the plugin NAME and its test."""
    folder = write(name, kind, parent)
    line = f"created {folder}: cd {folder} && pip install -e '.[test]' && pytest"
    Screen(as_json).answer({"name": name, "kind": kind, "folder": str(folder)}, line)


def write(name: str, kind: str, parent: Path) -> Path:
    """Write the package and return its folder.

    Raises Unprocessable for an invalid name, and Conflict if the name or folder is already used.
    """
    if not _NAME.fullmatch(name) or len(name) > _MAX_LENGTH:
        raise Unprocessable(
            f"a plugin name must be lower-case letters, digits and single hyphens, at most {_MAX_LENGTH}; got {name!r}"
        )
    if name == _RESERVED:
        raise Conflict(
            f"a plugin cannot be named {name!r}: nextlabel_{name} is nextlabel's own package; choose another name"
        )
    _refuse_taken(name, kind)
    distribution = f"nextlabel-{name}"
    module = distribution.replace("-", "_")
    folder = parent / distribution
    if folder.exists():
        raise Conflict(f"{folder} already exists; remove it, or choose another name")
    values = {
        "name": name,
        "kind": kind,
        "distribution": distribution,
        "module": module,
        "class": _class(name, kind),
        "version": version("nextlabel"),
    }
    values["usage"] = Template(_USAGE[kind]).substitute(values)
    package = f"src/{module}"
    for template, target in (
        ("common/pyproject.toml", "pyproject.toml"),
        ("common/README.md", "README.md"),
        ("common/gitignore", ".gitignore"),
        ("common/test_plugin.py", "tests/test_plugin.py"),
        (f"{kind}/__init__.py", f"{package}/__init__.py"),
        (f"{kind}/{kind}.py", f"{package}/{kind}.py"),
    ):
        text = files("nextlabel.cli").joinpath(f"templates/{template}.in").read_text("utf-8")
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(text).substitute(values), "utf-8")
    (folder / package / "py.typed").touch()
    return folder


def _class(name: str, kind: str) -> str:
    # the suffix avoids Python's keywords (None) and names that the template uses (Contents, Dataset)
    words, role = "".join(part.capitalize() for part in name.split("-")), kind.capitalize()
    return words if words.endswith(role) and words != role else words + role


def _refuse_taken(name: str, kind: str) -> None:
    registry = load()
    offers: dict[str, Mapping[str, Offer[Any]]] = {
        "strategy": registry.strategies,
        "learner": registry.learners,
        "backbone": registry.backbones,
        "dataset": registry.datasets,
    }
    if name in offers[kind]:
        source = offers[kind][name].source
        raise Conflict(
            f"{source.distribution} {source.version} already offers the {kind} {name!r}; choose another name"
        )
