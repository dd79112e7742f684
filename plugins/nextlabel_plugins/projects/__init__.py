"""Ready projects: one TOML file each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nextlabel.contracts import ProjectPlugin, hookimpl


@hookimpl
def nextlabel_projects() -> Iterator[ProjectPlugin]:
    """Offer every project file that lies in this folder, under the file's own name."""
    for file in sorted(Path(__file__).parent.glob("*.toml")):
        yield ProjectPlugin(file.stem, file)
