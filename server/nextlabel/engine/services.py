"""What every part of the engine is handed: settings, plugins, database, folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from nextlabel.contracts.data import Items
from nextlabel.contracts.errors import NotReady
from nextlabel.engine.labels.pool_state import LabelStateCache, PoolState
from nextlabel.engine.live_models import LiveModels
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.pool_files import PoolFolder
from nextlabel.engine.project_files import Projects
from nextlabel.engine.settings import Settings
from nextlabel.store import items, projects
from nextlabel.store.database import Database
from nextlabel.store.home import Home
from nextlabel.store.projects import ProjectRow


@dataclass(frozen=True)
class Services:
    """Wired together once, in the factory."""

    settings: Settings
    registry: Registry
    projects: Projects
    database: Database
    home: Home
    live: LiveModels
    _label_states: dict[tuple[str, float], LabelStateCache] = field(default_factory=dict)
    _pools: dict[str, PoolFolder] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def row(self, project: str) -> ProjectRow:
        """Return the project's row; NotReady until its data set has been imported."""
        with self.database.read() as connection:
            row = projects.get(connection, project)
        if row is None:
            raise NotReady(f"the data set of project {project!r} has not been read yet", 2)
        return row

    def label_state(self, row: ProjectRow) -> LabelStateCache:
        """Return the label state of an imported project, kept by this process.

        Ask for it before a transaction that writes: the first time it reads the whole project.
        """
        with self._lock:
            # a data set may come after the project, and what is known of the project changes then
            new = (row.name, row.imported) not in self._label_states
            label_state = self._label_states.setdefault((row.name, row.imported), LabelStateCache(row))
        if new:
            with self.database.read() as connection, label_state.current(connection):
                pass
        return label_state

    def pool(self, project: str) -> PoolFolder:
        """Return the pool folder of an imported project."""
        if project not in self._pools:
            brought = self.row(project).imported > 0
            pool = PoolFolder.open(self.home, project, from_dataset=brought)
            if not brought:  # its data set may still come
                return pool
            self._pools[project] = pool
        return self._pools[project]

    def state(self, row: ProjectRow) -> PoolState:
        """Return the pool of a project as it stands now, read from its whole history."""
        state = PoolState(row)
        with self.database.read() as connection:
            state.catch_up(connection)
        return state

    def items(self, state: PoolState) -> Items:
        """Return all items of the pool, undecoded."""
        name = state.project.name
        with self.database.read() as connection:
            rows = items.page(connection, name, -1, len(state))
        return self.pool(name).items(rows, self.settings.max_pixels)

    def facts(self) -> Mapping[str, Any]:
        """Return the limits that `/info` tells."""
        told = (
            "max_upload_bytes",
            "max_item_bytes",
            "max_pixels",
            "max_batch",
            "max_query",
            "max_labels",
            "lease_seconds",
        )
        return {name: getattr(self.settings, name) for name in told}
