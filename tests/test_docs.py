"""The documentation is true: signatures, records, settings, routes, commands."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib.metadata import version
from typing import get_args

import numpy as np
import pytest
from support.docs import PAGES, ROOT, as_module, blocks, code, page, signatures

from nextlabel import app
from nextlabel.cli.main_group import cli
from nextlabel.contracts import Need, NoParameters, Pool, hookspecs, interfaces, plugin_records
from nextlabel.contracts.data import Contents
from nextlabel.engine.project_files import Labels, ProjectConfig, Stop, StrategyChoice, Train
from nextlabel.engine.settings import PREFIX, Settings
from nextlabel.testing import check_plugin

HOOKS = signatures(hookspecs)
RECORDS = [
    plugin_records.StrategyPlugin,
    plugin_records.LearnerPlugin,
    plugin_records.BackbonePlugin,
    plugin_records.DatasetPlugin,
    plugin_records.ProjectPlugin,
]
USED_NOT_WRITTEN = {"checked_scores", "select", "inductive"}


@pytest.mark.parametrize("name", HOOKS)
def test_hooks_are_documented(name):
    assert f"`{HOOKS[name]}`" in page("plugins.md")


@pytest.mark.parametrize(
    "role", [interfaces.Strategy, interfaces.Learner, interfaces.Backbone, interfaces.Dataset, interfaces.Model]
)
def test_roles_are_documented(role):
    written = {name: line for name, line in signatures(role).items() if name not in USED_NOT_WRITTEN}
    assert written
    assert [line for line in written.values() if f"\n{line}\n" not in page("plugins.md")] == []


@pytest.mark.parametrize("record", RECORDS)
def test_records_are_documented(record):
    fields = ", ".join(f"`{name}`" for name in record.__dataclass_fields__)
    assert f"| `{record.__name__}` | {fields} |" in page("plugins.md")


@pytest.mark.parametrize("name", Contents.__dataclass_fields__)
def test_fields_of_contents_are_documented(name):
    assert f"`{name}`" in page("plugins.md")


@pytest.mark.parametrize("need", get_args(Need))
def test_needs_are_documented(need):
    assert f"| `{need}` | `pool.{need}`" in page("plugins.md")


@pytest.mark.parametrize("name", HOOKS)
def test_the_example_of_each_hook_works(name, tmp_path, monkeypatch):
    example = inspect.getdoc(getattr(hookspecs, name)).partition("\n\n    ")[2]
    (tmp_path / "moons.toml").write_text('dataset = {plugin = "digits"}\nlearner = {plugin = "cnn"}\n')
    check_plugin(as_module(inspect.cleandoc(f"    {example}"), tmp_path, "an_example", monkeypatch))


@pytest.mark.parametrize("path", [path for path in PAGES if path.name != "tutorial.md"], ids=lambda path: path.name)
def test_python_in_the_docs_runs(path, tmp_path, monkeypatch):
    for number, source in enumerate(blocks(path.read_text("utf-8"), "python")):
        as_module(source, tmp_path, f"block_{number}", monkeypatch)


def test_a_function_of_modal_becomes_a_strategy(tmp_path, monkeypatch):
    (source,) = [block for block in blocks(page("plugins.md"), "python") if "class ModalStrategy" in block]
    module = as_module(source, tmp_path, "modal_strategy", monkeypatch)
    check_plugin(module)
    probabilities = np.array([[0.9, 0.1], [0.45, 0.55], [0.2, 0.8], [0.5, 0.5], [0.3, 0.7]])
    pool = Pool(5, {"probabilities": probabilities, "embeddings": np.eye(5)})
    strategy = module.ModalStrategy(NoParameters())
    assert strategy.select(pool, 3, np.random.default_rng(0)).positions.tolist() == [3, 1, 4]

    def several_with_rows(classifier, rows):  # as modAL's own functions with n_instances = 2
        indices = np.argsort(classifier.predict_proba(rows).max(axis=1))[:2]
        return indices, rows[indices]

    strategy.query = several_with_rows
    assert strategy.select(pool, 3, np.random.default_rng(0)).positions.tolist() == [3, 1, 4]
    strategy.query = lambda _classifier, _rows: np.array([], np.int64)
    with pytest.raises(ValueError, match="returned no index"):
        strategy.select(pool, 3, np.random.default_rng(0))


def default_cell(default: object) -> str:
    return "" if default in (None, "") else f"{default} "


@pytest.mark.parametrize("name", Settings.model_fields)
def test_settings_are_documented(name):
    field = Settings.model_fields[name]
    cell = default_cell(None if field.default_factory else field.default)
    assert f"| `{PREFIX}{name.upper()}` | {cell}| {field.description} |\n" in page("settings.md")


@pytest.mark.parametrize("table", [Labels, Train, Stop])
def test_keys_of_project_files_are_documented(table):
    for name, field in table.model_fields.items():
        row = f"| `[{table.__name__.lower()}] {name}` | {default_cell(field.default)}| {field.description} |\n"
        assert row in page("settings.md")


@pytest.mark.parametrize("name", StrategyChoice.model_fields)
def test_keys_of_the_strategy_table_are_documented(name):
    assert f"| `[strategy] {name}` |" in page("settings.md")


def test_every_key_of_a_project_file_is_documented():
    rows = re.findall(r"^\| `(?:\[(\w+)\] )?([a-z_]+)(?: \w+)?` \|", page("settings.md"), re.MULTILINE)
    assert {table or name for table, name in rows} == set(ProjectConfig.model_fields) - {"name"}


def test_routes_are_documented(engine):
    web = app.create_app(engine.settings, engine)
    named = {re.sub(r"<[^>]*>", "<>", route) for route in re.findall(r"`(?:[A-Z]+ )?(/[^`?]*)`", page("http.md"))}
    named |= {re.sub(r"<[^>]*>", "<>", route) for route in re.findall(r"[A-Z]{3,} (/[^`?\s]*)`", page("http.md"))}
    paths = web.test_client().get("/openapi.json").json["paths"]
    routes = {re.sub(r"\{[^}]*\}", "<>", path.removeprefix("/projects/{project}")) for path in paths}
    assert routes - named == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_exist(path):
    for piece in code(path.read_text("utf-8")):
        for name in re.findall(r"(?:^|\n|&& |bin/)nextlabel ([a-z][a-z-]+)\b", piece):
            assert cli.get_command(None, name) is not None, name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_make_targets_exist(path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for piece in code(path.read_text("utf-8")):
        for named in re.findall(r"(?:^|\n)\s*make ([a-z -]+?)(?: {2,}#|\n|$)", piece):
            assert set(named.split()) <= targets, named


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_resolve(path):
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.slow
def test_the_documented_accuracies_are_the_measured_ones():
    table, recipes = stored_results("partial_labels.py")
    assert f"\n\n{table}\n\n" in page("learners.md")
    assert f"\n\n{recipes}\n\n" in page("learners.md")


@pytest.mark.slow
def test_the_documented_figures_of_half_precision_are_the_measured_ones():
    (table,) = stored_results("half_precision.py")
    assert f"\n\n{table}\n\n" in page("half-precision.md")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("cora.py", "cora.md"),
        ("mnist_autoencoder.py", "mnist-autoencoder.md"),
        ("mnist_entropy.py", "mnist.md"),
        ("mnist_pseudo.py", "mnist-pseudo.md"),
    ],
)
def test_the_documented_figures_of_a_project_are_the_measured_ones(script, name):
    for table in stored_results(script):
        assert f"\n\n{table}\n\n" in page(name)


def stored_results(script: str) -> list[str]:
    """Return the blocks of lines that a benchmark prints from its stored results."""
    command = [sys.executable, ROOT / "benchmarks" / script, "--show"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip().split("\n\n")


def test_the_changelog_has_this_version():
    versions = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert versions[0] == version("nextlabel")
