"""The items of a pool as models take them: themselves, or the features of their source, computed where missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from nextlabel.contracts.data import FloatArray, GraphItems, IntArray, Items
from nextlabel.contracts.errors import ProjectError
from nextlabel.engine.feature_items import FeatureItems
from nextlabel.engine.features.embedder import FeatureCard
from nextlabel.engine.features.extraction import extract
from nextlabel.engine.features.sources import Sources
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.services import Services
from nextlabel.store.feature_files import UNREADABLE
from nextlabel.store.projects import ProjectRow


class PoolItems:
    """All items of a pool. Use it in a job: its backbone may import torch."""

    def __init__(self, services: Services, state: PoolState, report: Callable[[float], None] = lambda _: None) -> None:
        """`report` receives the share of the missing features that are computed."""
        self._services = services
        self._state = state
        self._report = report
        self._sources = Sources(services.database, services.home, services.registry)

    @cached_property
    def undecoded(self) -> Items:
        """The items themselves."""
        return self._services.items(self._state)

    def features_of(self, config: ProjectConfig) -> FeatureCard | None:
        """Return the card of the source that the project file names; None if it names none."""
        return None if config.features is None else self._sources.current(config.features)

    def of(self, features: FeatureCard | None) -> Items:
        """Return the items as a model takes them that was trained on `features`; None: on the items themselves.

        Raises ProjectError if they cannot have these features.
        """
        if features is None:
            return self.undecoded
        return self._embedded(features, feature_pool(self._state.project), len(self._state), lambda: self.undecoded)

    def test_split(self, features: FeatureCard | None) -> tuple[Items, IntArray | FloatArray] | None:
        """Return the data set's own test items, as `of` does, with their truth; None if it has none."""
        project, settings = self._state.project, self._services.settings
        test = self._services.pool(project.name).test(settings.max_pixels) if project.has_test else None
        if test is None or features is None:
            return test
        items, truth = test
        return self._embedded(features, f"{feature_pool(project)}.test", len(items), lambda: items), truth

    def _embedded(self, features: FeatureCard, pool: str, size: int, undecoded: Callable[[], Items]) -> Items:
        """Return the features of a pool's `size` items, after computing those that are missing."""
        card = self._sources.restored(features)
        files = self._sources.files(card)
        files.create()
        stored, count = files.read(pool), 0
        if len(stored.rows) < size or (stored.rows[:size] == UNREADABLE).any():
            items = undecoded()
            if isinstance(items, GraphItems):
                raise ProjectError(f"[features] {card['plugin']!r} cannot embed the nodes of a graph")
            settings = self._services.settings
            count = extract(
                files, pool, items, self._sources.embedder(card),
                max_pixels=settings.max_pixels, threads=settings.train_threads or settings.cores, report=self._report,
            )  # fmt: skip
            stored = files.read(pool)
        computed = f"{count:,} had to be computed" if count else "all computed before"
        print(f"features of {size:,} items by {card['plugin']}: {computed}", flush=True)  # noqa: T201 - the job's log
        return FeatureItems(stored.embeddings, stored.rows[:size], UNREADABLE)


def feature_pool(project: ProjectRow) -> str:
    """Return the name of a project's pool in feature files. A data set that is imported later replaces the pool."""
    return f"{project.name}.{int(project.imported * 1000)}"
