"""docs/tutorial.md: its steps are followed in order, and the package works after each."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.docs import page

from nextlabel.cli.new_plugin import write

STEPS = re.split(r"^## \d+\. ", page("tutorial.md"), flags=re.MULTILINE)[1:]
FILE = re.compile(r"`((?:src|tests)/[\w/]+\.py)`")


def versions(step: str) -> Iterator[tuple[str, str]]:
    """Yield (path, content) of each file that a step has the reader type; the text before a block names its file."""
    path = "src/nextlabel_typical/strategy.py"
    for before, source in re.findall(r"(.*?)^```python\n(.*?)^```$", step, re.MULTILINE | re.DOTALL):
        path = ([path, *FILE.findall(before)])[-1]
        yield path, source


def run(package: Path, *command: str, **environment: str) -> str:
    paths = [str(package / "src"), environment.pop("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=package,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write("typical", "strategy", tmp_path_factory.mktemp("tutorial"))


@pytest.mark.slow
def test_the_package_passes_its_tests_after_each_step(package):
    steps = [list(versions(step)) for step in STEPS]
    assert [len(step) for step in steps] == [0, 2, 2, 2, 1, 0, 0]
    for step in filter(None, steps):
        for path, source in step:
            (package / path).write_text(source, "utf-8")
        assert " passed" in run(package, "pytest", "-q", "-p", "no:cacheprovider")
    assert {path for step in steps for path, _ in step} == {
        "src/nextlabel_typical/strategy.py",
        "src/nextlabel_typical/__init__.py",
        "tests/test_typical.py",
    }


@pytest.mark.slow
def test_the_plugin_answers_a_query(package, distribute, quick, tmp_path):
    for step in STEPS:
        for path, source in versions(step):
            (package / path).write_text(source, "utf-8")
    distribute(tmp_path / "installed", "nextlabel-typical", typical="nextlabel_typical")
    project = next(re.finditer(r"^```toml\n(.*?)^```$", STEPS[5], re.MULTILINE | re.DOTALL))[1]
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "mine.toml").write_text(project.replace('"cnn"', '"nearest"'))
    environment = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "installed"), os.environ["PYTHONPATH"]]),
        "NEXTLABEL_HOME": str(quick.home),
        "NEXTLABEL_PROJECTS": str(tmp_path / "projects"),
        "NEXTLABEL_DEFAULT_PROJECT": "mine",
    }
    run(package, "nextlabel", "train", "mine", "--json", **environment)
    answer = json.loads(run(package, "nextlabel", "query", "mine", "--size", "5", "--json", **environment))
    assert answer["strategy"] == "typical"
    assert answer["parameters"] == {"diversity": 0.5}
    assert len({item["id"] for item in answer["items"]}) == 5
