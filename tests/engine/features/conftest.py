"""Sources of features in an empty home folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nextlabel.engine.features.embedder import Embedder
from nextlabel.engine.features.sources import Sources
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import FeaturesChoice
from nextlabel.store.database import Database
from nextlabel.store.feature_files import FeatureFiles
from nextlabel.store.home import Home


@pytest.fixture
def sources(empty: Path, tmp_path: Path, registry: Registry) -> Iterator[Sources]:
    shutil.copytree(empty, tmp_path / "home")
    database = Database(f"sqlite:///{tmp_path / 'home' / 'nextlabel.db'}")
    yield Sources(database, Home(tmp_path / "home"), registry)
    database.dispose()


@pytest.fixture
def opened(sources: Sources) -> Callable[..., tuple[FeatureFiles, Embedder]]:
    """Open a backbone: its files, and its network."""

    def open_backbone(name: str, **parameters: Any) -> tuple[FeatureFiles, Embedder]:
        card = sources.current(FeaturesChoice.model_validate({"plugin": name, **parameters}))
        files = sources.files(card)
        files.create()
        return files, sources.embedder(card)

    return open_backbone
