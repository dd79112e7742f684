"""The packages that new-plugin creates work like any other plugin once they are installed."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner

from nextlabel.cli.main_group import cli
from nextlabel.cli.new_plugin import KINDS, write
from nextlabel.contracts.errors import Conflict, Unprocessable

pytestmark = pytest.mark.slow


def run(*command: str, cwd: Path | None = None, **environment: str) -> str:
    result = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def bound_names(module: ast.Module) -> list[str]:
    """Return the names that a module imports and defines."""
    names = []
    for node in module.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.append(node.name)
    return names


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a folder with packages of all kinds, and the folder that pip installed them to."""
    created, target = tmp_path_factory.mktemp("created"), tmp_path_factory.mktemp("site")
    folders = [str(write(f"my-{kind}", kind, created)) for kind in KINDS]
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index")
    run(*pip, "--no-deps", "--no-build-isolation", "--target", str(target), *folders)
    return created, target


@pytest.mark.parametrize("kind", KINDS)
def test_the_packages_test_passes(installed, kind):
    created, target = installed
    output = run(sys.executable, "-m", "pytest", "-q", cwd=created / f"nextlabel-my-{kind}", PYTHONPATH=str(target))
    assert "1 passed" in output


@pytest.mark.parametrize("kind", KINDS)
def test_the_code_passes_ruff(installed, kind):
    folder = installed[0] / f"nextlabel-my-{kind}"
    run(sys.executable, "-m", "ruff", "check", cwd=folder)
    run(sys.executable, "-m", "ruff", "format", "--check", cwd=folder)


def test_the_plugins_are_listed(installed):
    _, target = installed
    plugins = json.loads(run(sys.executable, "-m", "nextlabel", "plugins", "--json", PYTHONPATH=str(target)))["plugins"]
    for part, kind in (
        ("strategies", "strategy"),
        ("learners", "learner"),
        ("backbones", "backbone"),
        ("datasets", "dataset"),
    ):
        offer = next(offer for offer in plugins[part] if offer["name"] == f"my-{kind}")
        assert (offer["distribution"], offer["version"]) == (f"nextlabel-my-{kind}", "0.1.0")
        assert offer["parameters"]["properties"]


def test_a_project_of_the_templates_learns(installed, tmp_path):
    """The templates' data set, learner and strategy work together."""
    (tmp_path / "rings.toml").write_text(
        'dataset = {plugin = "my-dataset"}\nlearner = {plugin = "my-learner"}\nstrategy = {plugin = "my-strategy"}\n'
        "labels = {initial = 10}\n"
    )
    options = {"PYTHONPATH": str(installed[1]), "NEXTLABEL_PROJECTS": str(tmp_path)}
    command = (sys.executable, "-m", "nextlabel", "simulate", "rings", "--rounds", "1", "--json")
    points = json.loads(run(*command, **options))["points"]
    assert [point["labels"] for point in points] == [10, 20]


@pytest.mark.parametrize("name", ["", "My", "my_plugin", "-a", "a-", "a--b", "1st", "a b", "../a", "ä", "a" * 41])
def test_invalid_names(name, tmp_path):
    with pytest.raises(Unprocessable, match="lower-case"):
        write(name, "strategy", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder(tmp_path):
    folder = write("mine", "strategy", tmp_path)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(Conflict, match="already exists"):
        write("mine", "learner", tmp_path)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_name_that_is_already_used(tmp_path):
    with pytest.raises(Conflict, match="already offers the strategy 'margin'"):
        write("margin", "strategy", tmp_path)
    assert write("margin", "learner", tmp_path).is_dir()


def test_the_name_of_nextlabels_own_package_is_refused(tmp_path):
    with pytest.raises(Conflict, match="nextlabel_plugins is nextlabel's own package; choose another name"):
        write("plugins", "strategy", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    [
        *(
            "none",
            "true",
            "false",
            "parameters",
            "features",
            "strategy",
            "learner",
            "backbone",
            "dataset",
            "any",
            "annotated",
        ),
        *(
            "preprocessing",
            "bounds",
            "pool",
            "contents",
            "vector-items",
            "outputs",
            "model",
            "mapping",
            "nearest-mean",
            "my-strategy",
        ),
    ],
)
def test_the_class_name_is_unique_in_the_module(name, kind, tmp_path):
    """It is no Python keyword, and no name that the template imports or defines."""
    folder = write(name, kind, tmp_path)
    for path in folder.rglob("*.py"):
        names = bound_names(ast.parse(path.read_text("utf-8")))
        assert len(set(names)) == len(names), path


@pytest.mark.parametrize(
    ("name", "kind", "class_name"),
    [
        ("margins", "strategy", "MarginsStrategy"),
        ("my-strategy", "strategy", "MyStrategy"),
        ("my-strategy", "learner", "MyStrategyLearner"),
        ("dataset", "dataset", "DatasetDataset"),
    ],
)
def test_the_class_name_comes_from_the_name_and_the_kind(name, kind, class_name, tmp_path):
    package = write(name, kind, tmp_path) / "src" / f"nextlabel_{name.replace('-', '_')}"
    assert class_name in bound_names(ast.parse((package / f"{kind}.py").read_text("utf-8")))
    assert f'.{kind}:{class_name}"' in (package / "__init__.py").read_text("utf-8")


def test_names_of_standard_modules_are_allowed(tmp_path):
    assert (write("json", "strategy", tmp_path) / "src" / "nextlabel_json").is_dir()


def test_the_command(tmp_path):
    result = CliRunner().invoke(cli, ["new-plugin", "mine", "--kind", "dataset", "--dir", str(tmp_path), "--json"])
    folder = tmp_path / "nextlabel-mine"
    assert json.loads(result.stdout) == {"name": "mine", "kind": "dataset", "folder": str(folder)}
    assert (folder / "src" / "nextlabel_mine" / "dataset.py").is_file()


def test_every_template_is_used():
    templates = Path(str(files("nextlabel.cli"))).glob("templates/*/*.in")
    used = {f"{kind}/{name}.py.in" for kind in KINDS for name in ("__init__", kind)}
    common = {f"common/{name}.in" for name in ("pyproject.toml", "README.md", "gitignore", "test_plugin.py")}
    assert {"/".join(path.parts[-2:]) for path in templates} == used | common
