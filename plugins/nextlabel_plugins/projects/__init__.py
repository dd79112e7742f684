"""Built-in projects, one TOML file each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nextlabel.contracts import ProjectPlugin, hookimpl


@hookimpl
def nextlabel_projects() -> Iterator[ProjectPlugin]:
    """Yield a project for every TOML file in this folder, named like the file."""
    for file in sorted(Path(__file__).parent.glob("*.toml")):
        yield ProjectPlugin(file.stem, file)
