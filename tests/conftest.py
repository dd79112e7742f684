"""Fixtures for all tests: isolated settings, and quick plugins that need no torch."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nextlabel.app import build_engine, prepare
from nextlabel.cli.new_plugin import write
from nextlabel.engine.engine import Engine
from nextlabel.engine.settings import PREFIX, Settings

# set before torch is imported: a GPU sums in a varying order, and tests compare bits
os.environ["CUDA_VISIBLE_DEVICES"] = ""

QUICK = """
title = "Quick digits"
[dataset]
plugin = "digits"
limit = 300
[learner]
plugin = "nearest"
[strategy]
plugin = "margin"
also = ["random"]
[labels]
initial = 20
"""
SLEEPY = """
title = "Sleepy digits"
[dataset]
plugin = "digits"
limit = 300
[learner]
plugin = "sleeper"
[labels]
initial = 20
"""
SLEEPER = '''
"""A slow learner."""
import time
from nextlabel.contracts import LearnerPlugin, hookimpl
from nextlabel_nearest.learner import NearestLearner, Parameters

class Sleeper(NearestLearner):
    def fit(self, items, targets, training):
        for step in range(400):
            training.progress(step / 400, {"loss": 1 / (step + 1)})
            time.sleep(0.05)
        return super().fit(items, targets, training)

@hookimpl
def nextlabel_learners():
    yield LearnerPlugin("sleeper", "trains for 20 s", Sleeper, Parameters)
'''


FOLDER_MARKS = {"browser": "browser", "e2e": "e2e"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of these folders, and group tests for runs on several cores.

    A file's tests run on one core. So do all tests with browsers and servers: they depend on timing.
    """
    for item in items:
        path = item.path.relative_to(Path(__file__).parent)
        mark = FOLDER_MARKS.get(path.parts[0])
        if mark:
            item.add_marker(mark)
        if config.pluginmanager.hasplugin("xdist"):
            item.add_marker(pytest.mark.xdist_group("timing" if mark else str(path)))


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove the environment's settings, except for the folder of the data sets."""
    for name in [name for name in os.environ if name.startswith(PREFIX) and name != "NEXTLABEL_DATA"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NEXTLABEL_HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True)
def one_torch_thread() -> None:
    """Let several tests share the processor."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def distribute(folder: Path, name: str, **entries: str) -> None:
    """Make `folder` look like an installed distribution with plugins, once it is on the path."""
    about = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{entry} = {module}" for entry, module in entries.items()]
    (about / "entry_points.txt").write_text("\n".join(["[nextlabel]", *lines, ""]))


@pytest.fixture(name="distribute")
def distributor() -> Callable[..., None]:
    return distribute


@pytest.fixture(scope="session")
def quick_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the path with a quick learner and a slow one; its `projects` use them."""
    folder = tmp_path_factory.mktemp("quick")
    package = write("nearest", "learner", tmp_path_factory.mktemp("package"))
    (package / "src" / "nextlabel_nearest").rename(folder / "nextlabel_nearest")
    (folder / "sleeper.py").write_text(SLEEPER)
    distribute(folder, "quick-plugins", nearest="nextlabel_nearest", sleeper="sleeper")
    (folder / "projects").mkdir()
    (folder / "projects" / "quick.toml").write_text(QUICK)
    (folder / "projects" / "sleepy.toml").write_text(SLEEPY)
    return folder


@pytest.fixture
def quick(quick_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Settings with the projects `quick` and `sleepy`, for this process and those it starts."""
    monkeypatch.syspath_prepend(quick_folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(quick_folder), os.environ.get("PYTHONPATH", "")]).strip(":"))
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(quick_folder / "projects"))
    monkeypatch.setenv("NEXTLABEL_DEFAULT_PROJECT", "quick")
    monkeypatch.setenv("NEXTLABEL_BLOCKED_PLUGINS", "projects")  # the built-in projects train by themselves
    return Settings.from_environment()


@pytest.fixture
def engine(quick: Settings) -> Iterator[Engine]:
    """An engine on an empty home folder."""
    prepare(quick)
    engine = build_engine(quick)
    yield engine
    engine.services.database.dispose()
