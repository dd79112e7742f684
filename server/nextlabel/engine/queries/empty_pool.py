"""What a query of an empty pool returns: how to fill it, or that its data set is being read."""

from __future__ import annotations

from sqlalchemy import Connection

from nextlabel.contracts.errors import NotReady, PluginError
from nextlabel.engine.datasets.download import offers_download
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.store import jobs


def refuse_import(connection: Connection, project: str) -> None:
    """Raise NotReady if the data set of a project with an empty pool is still to be read."""
    if jobs.active(connection, project, "import") is not None:
        raise NotReady(f"the data set of project {project!r} is being read", 2)


def how_to_fill(connection: Connection, registry: Registry, config: ProjectConfig) -> str:
    """Return how to fill the empty pool of a project, and why its data set could not be read if that failed."""
    project = config.name
    folder = "set NEXTLABEL_DATA to the folder that holds the data set"
    download = f"download the data set with `nextlabel download {project}` (or {folder})"
    try:
        way = download if offers_download(registry, config) else folder
    except PluginError:  # a class that cannot be imported; `last` has the reason
        way = folder
    advice = (
        f"the pool of project {project!r} is empty: add images on the pool page or with POST /items, or {way} and "
        "start the server again"
    )
    last = next(iter(jobs.latest(connection, project, "import", 1)), None)
    return f"{advice}; {last.error}" if last is not None and last.error else advice
