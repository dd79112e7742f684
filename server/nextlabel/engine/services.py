"""The services that all parts of the engine share: settings, plugins, database, files and caches."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

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
    """The shared services of one process, wired once in `app.build_services`."""

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
        """Return the project's row. Raises NotReady until its data set has been imported."""
        with self.database.read() as connection:
            row = projects.get(connection, project)
        if row is None:
            raise NotReady(f"the data set of project {project!r} has not been read yet", 2)
        return row

    def label_state(self, row: ProjectRow) -> LabelStateCache:
        """Return this process's cached label state of an imported project.

        Call it before a transaction that writes: the first call reads all labels of the project.
        """
        with self._lock:
            # a data set imported later replaces the pool, so its time is part of the key
            new = (row.name, row.imported) not in self._label_states
            label_state = self._label_states.setdefault((row.name, row.imported), LabelStateCache(row))
        if new:
            with self.database.read() as connection, label_state.current(connection):
                pass
        return label_state

    def pool(self, project: str) -> PoolFolder:
        """Return the pool folder of a project. Raises NotReady until its data set has been imported."""
        if project not in self._pools:
            imported = self.row(project).imported > 0
            pool = PoolFolder.open(self.home, project, from_dataset=imported)
            if not imported:  # its data set may still be imported
                return pool
            self._pools[project] = pool
        return self._pools[project]

    def state(self, row: ProjectRow) -> PoolState:
        """Return the pool of a project with all its labels, in a copy that the caller owns."""
        state = PoolState(row)
        with self.database.read() as connection:
            state.catch_up(connection)
        return state

    def items(self, state: PoolState) -> Items:
        """Return all items of the pool, undecoded."""
        name, paths = state.project.name, []
        pool = self.pool(name)
        if pool.kind == "image":  # everything else is in arrays
            with self.database.read() as connection:
                paths = items.paths(connection, name, len(state))
        return pool.items(len(state), paths, self.settings.max_pixels)
