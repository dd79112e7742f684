"""The test for containers, run against a server without one; docs/deploying.md has the commands for both."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest
from serving import until

PROJECT = """title = "Digits"
automatic = true
[dataset]
plugin = "digits"
[learner]
plugin = "dozer"
[strategy]
plugin = "margin"
[labels]
initial = 20
"""
DOZER = '''
"""A learner that takes a minute if there are more labels than the test's own, so that it can be stopped."""
import time
from nextlabel.contracts import LearnerPlugin, hookimpl
from nextlabel_nearest.learner import NearestLearner, Parameters

class Dozer(NearestLearner):
    def fit(self, items, targets, training):
        for step in range(600 if targets.labelled.sum() > 70 else 10):
            training.progress(step / 600, {"loss": 1.0})
            time.sleep(0.1)
        return super().fit(items, targets, training)

@hookimpl
def nextlabel_learners():
    yield LearnerPlugin("dozer", "sleeps", Dozer, Parameters)
'''


@pytest.fixture(scope="module")
def container_walk() -> ModuleType:
    spec = util.spec_from_file_location("container_walk", Path(__file__).with_name("container_walk.py"))
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def environment(quick_folder: Path, tmp_path: Path, distribute: Callable[..., None]) -> dict[str, str]:
    """Settings: a project `digits` that trains without torch, and a free port."""
    folder = tmp_path / "plugins"
    distribute(folder, "dozing-plugins", dozer="dozer")
    (folder / "dozer.py").write_text(DOZER)
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "digits.toml").write_text(PROJECT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = [str(folder), str(quick_folder), os.environ.get("PYTHONPATH", "")]
    return {
        "NEXTLABEL_PROJECTS": str(tmp_path / "projects"),
        "NEXTLABEL_PORT": str(port),
        "NEXTLABEL_DATA": "",  # CIFAR-10 is not part of this test
        "PYTHONPATH": os.pathsep.join(path).strip(os.pathsep),
    }


def test_nothing_is_lost_from_start_to_sigterm_and_restart(
    container_walk: ModuleType, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    server = container_walk.Command(
        [sys.executable, "-m", "nextlabel", "serve"],
        **environment, NEXTLABEL_HOST="0.0.0.0", NEXTLABEL_TOKEN="a long enough token",
    )  # fmt: skip
    call = container_walk.Caller(f"http://127.0.0.1:{environment['NEXTLABEL_PORT']}", "a long enough token")
    lines: list[str] = []
    figures = container_walk.walk(server, call, lines.append)
    assert figures["labels_201"] >= 60
    assert len(lines) >= 7
    assert not server.runs()


def test_a_server_that_cannot_start_is_reported_at_once(container_walk: ModuleType) -> None:
    server = container_walk.Command([sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(AssertionError, match="ended before /readyz"):
        container_walk.walk(server, container_walk.Caller("http://127.0.0.1:9", None), str)


def test_another_command_can_end_it(container_walk: ModuleType, tmp_path: Path) -> None:
    sleeper = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    killer = "import os; os.kill(int(open('pid').read()), 9)"
    server = container_walk.Command([sys.executable, "-c", sleeper], [sys.executable, "-c", killer])
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        server.start()
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        assert server.stop() >= 0
    finally:
        os.chdir(before)
    assert server.process.returncode == -9


def test_it_has_a_help_text(container_walk: ModuleType) -> None:
    output = subprocess.run(
        [sys.executable, container_walk.__file__, "--help"], capture_output=True, text=True, check=True
    )
    for option in ("--start", "--stop", "--address", "--token"):
        assert option in output.stdout
