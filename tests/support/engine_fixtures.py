"""Engines on toy projects: each test has a home folder of its own."""

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
    """Our plugins, the tiny ones and the toys, and nobody else's."""
    found = load(candidates(*MODULES))
    assert not found.faults
    return found


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with nothing but a migrated database."""
    home = tmp_path_factory.mktemp("empty")
    database = Database(f"sqlite:///{home / 'nextlabel.db'}")
    database.migrate()
    database.dispose()
    return home


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job tells how many threads there are through the environment."""
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))


@pytest.fixture(autouse=True)
def no_disk_sync() -> Iterator[None]:
    """Wait for no disk: what survives a crash is the store's to test."""

    def hurry(connection: Any, *_: Any) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(Pool, "checkout", hurry)
    yield
    event.remove(Pool, "checkout", hurry)


@pytest.fixture
def make(registry: Registry, empty: Path, tmp_path: Path) -> Iterator[Callable[..., ToyProject]]:
    """Make a project of a table like that of a project file; tables given by name are merged in."""
    all_services: list[Services] = []

    def made(
        base: Mapping[str, Any] = BLOBS,
        *,
        settings: Mapping[str, Any] | None = None,
        plugins: Registry | None = None,
        name: str = "toy",
        **tables: Any,
    ) -> ToyProject:
        whole = {
            key: {**base.get(key, {}), **table} if isinstance(table, dict) else table for key, table in tables.items()
        }
        config = ProjectConfig.model_validate({**base, **whole, "name": name})
        check_plugins(config, plugins or registry, "the test's project")
        home = tmp_path / f"home{len(all_services)}"
        shutil.copytree(empty, home)
        given = Settings(**{"home": home, "default_project": name, "train_threads": 1, **(settings or {})})
        services = build_services(given, plugins or registry, Projects({name: config}, {}))
        all_services.append(services)
        return ToyProject(services, Project(services, config))

    yield made
    for services in all_services:
        services.database.dispose()


@pytest.fixture
def another() -> Iterator[Callable[[ToyProject], ToyProject]]:
    """Open a project as another process has it."""
    all_services: list[Services] = []

    def opened(project: ToyProject) -> ToyProject:
        services = build_services(project.services.settings, project.services.registry, project.services.projects)
        all_services.append(services)
        return ToyProject(services, Project(services, project.project.config))

    yield opened
    for services in all_services:
        services.database.dispose()


@pytest.fixture
def blobs(make: Callable[..., ToyProject]) -> ToyProject:
    """The toy project, its data set read."""
    return make().import_dataset()


@pytest.fixture
def image() -> Callable[..., bytes]:
    """Make an image of noise, each seed another."""

    def made(seed: int, width: int = 4, height: int = 4, kind: str = "PNG") -> bytes:
        out = BytesIO()
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
        Image.fromarray(pixels).save(out, kind)
        return out.getvalue()

    return made


@pytest.fixture
def plugged() -> Callable[..., Registry]:
    """Our plugins with a learner in the place of `toy-ridge`."""

    def made(learner: Callable[[Any], Any], **changes: Any) -> Registry:
        found = load(candidates(*MODULES))
        offer = found.learners["toy-ridge"]
        found.learners["toy-ridge"] = Offer(replace(offer.record, target=learner, **changes), offer.source)
        return found

    return made


@pytest.fixture
def meddled(make: Callable[..., ToyProject], plugged: Callable[..., Registry]) -> Callable[..., Any]:
    """A project in whose next training something happens."""

    def made(base: Mapping[str, Any] = SQUARES, **tables: Any) -> tuple[ToyProject, list[Callable[[], None]]]:
        happens: list[Callable[[], None]] = []

        def learner(parameters: Any) -> Meddler:
            return Meddler(parameters, lambda: happens.pop()() if happens else None)

        return make(base, plugins=plugged(learner), **tables).import_dataset(), happens

    return made
