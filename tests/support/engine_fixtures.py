"""Fixtures: engines on toy projects, each test with its own home folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Pool, event

from nextlabel.app import build_services
from nextlabel.engine.plugins.registry import Offer, Registry, load
from nextlabel.engine.project import Project
from nextlabel.engine.project_files import ProjectConfig, Projects, check_plugins
from nextlabel.engine.services import Services
from nextlabel.engine.settings import Settings
from nextlabel.store.database import Database
from support.engine import BLOBS, MODULES, SQUARES, ToyProject, candidates
from support.toy_learners import Meddler


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The bundled, tiny and toy plugins, without any installed ones."""
    registry = load(candidates(*MODULES))
    assert not registry.faults
    return registry


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder that contains only a migrated database."""
    home = tmp_path_factory.mktemp("empty")
    database = Database(f"sqlite:///{home / 'nextlabel.db'}")
    database.migrate()
    database.dispose()
    return home


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore the number of threads, which a job sets in the environment."""
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))


@pytest.fixture(autouse=True)
def no_disk_sync() -> Iterator[None]:
    """Do not wait for the disk: only the tests of the store are about crashes."""

    def skip_sync(connection: Any, *_: Any) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(Pool, "checkout", skip_sync)
    yield
    event.remove(Pool, "checkout", skip_sync)


@pytest.fixture
def make(registry: Registry, empty: Path, tmp_path: Path) -> Iterator[Callable[..., ToyProject]]:
    """Make a project from a table like that of a project file; tables passed by name are merged into it."""
    all_services: list[Services] = []

    def make_project(
        base: Mapping[str, Any] = BLOBS,
        *,
        settings: Mapping[str, Any] | None = None,
        plugins: Registry | None = None,
        name: str = "toy",
        **tables: Any,
    ) -> ToyProject:
        merged = {
            key: {**base.get(key, {}), **table} if isinstance(table, dict) else table for key, table in tables.items()
        }
        config = ProjectConfig.model_validate({**base, **merged, "name": name})
        check_plugins(config, plugins or registry, "the test's project")
        home = tmp_path / f"home{len(all_services)}"
        shutil.copytree(empty, home)
        values = {"home": home, "default_project": name, "train_threads": 1, **(settings or {})}
        services = build_services(Settings(**values), plugins or registry, Projects({name: config}, {}))
        all_services.append(services)
        return ToyProject(services, Project(services, config))

    yield make_project
    for services in all_services:
        services.database.dispose()


@pytest.fixture
def another() -> Iterator[Callable[[ToyProject], ToyProject]]:
    """Open a project as another process does."""
    all_services: list[Services] = []

    def open_again(project: ToyProject) -> ToyProject:
        services = build_services(project.services.settings, project.services.registry, project.services.projects)
        all_services.append(services)
        return ToyProject(services, Project(services, project.project.config))

    yield open_again
    for services in all_services:
        services.database.dispose()


@pytest.fixture
def blobs(make: Callable[..., ToyProject]) -> ToyProject:
    """The toy project, with its data set imported."""
    return make().import_dataset()


@pytest.fixture
def image() -> Callable[..., bytes]:
    """Make an image of noise, a different one for each seed."""

    def make_image(seed: int, width: int = 4, height: int = 4, kind: str = "PNG") -> bytes:
        out = BytesIO()
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
        Image.fromarray(pixels).save(out, kind)
        return out.getvalue()

    return make_image


@pytest.fixture
def plugged() -> Callable[..., Registry]:
    """The plugins with another learner instead of `toy-ridge`."""

    def with_learner(learner: Callable[[Any], Any], **changes: Any) -> Registry:
        registry = load(candidates(*MODULES))
        offer = registry.learners["toy-ridge"]
        registry.learners["toy-ridge"] = Offer(replace(offer.record, target=learner, **changes), offer.source)
        return registry

    return with_learner


@pytest.fixture
def meddled(make: Callable[..., ToyProject], plugged: Callable[..., Registry]) -> Callable[..., Any]:
    """A project, and a list of functions that its next trainings call."""

    def make_project(base: Mapping[str, Any] = SQUARES, **tables: Any) -> tuple[ToyProject, list[Callable[[], None]]]:
        calls: list[Callable[[], None]] = []

        def learner(parameters: Any) -> Meddler:
            return Meddler(parameters, lambda: calls.pop()() if calls else None)

        return make(base, plugins=plugged(learner), **tables).import_dataset(), calls

    return make_project
