"""The projects `cora` and `cora-paper`: their settings, and their accuracy on the public split."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.geometric import require_geometric
from support.planetoid import checksums, create_cora

from nextlabel.cli.main_group import cli
from nextlabel.engine.plugins.parameters import validate
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import load_projects, read_project
from nextlabel_plugins.datasets import cora
from nextlabel_plugins.learners.gcn_parameters import GCNParameters

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "cora-active.toml"
PAPER = {"decay_layers": "first", "input_dropout": True, "normalize_features": True}


def test_the_settings(registry: Registry) -> None:
    projects = load_projects(registry, None)
    for name, parameters in {"cora": {}, "cora-paper": PAPER}.items():
        project = projects.get(name)
        assert (project.dataset.plugin, project.dataset.parameters) == ("cora", {})
        assert (project.learner.plugin, project.learner.parameters) == ("gcn", parameters)
    original = validate(GCNParameters, {}, "[learner]")
    assert (original.hidden, original.epochs, original.learning_rate) == (16, 200, 0.01)
    assert (original.dropout, original.weight_decay, original.decay_layers) == (0.5, 5e-4, "all")
    active = read_project("cora-active", EXAMPLE, registry)
    assert active.learner.parameters == PAPER
    assert (active.dataset.parameters, active.labels.initial) == ({"public_labels": False}, 20)


@pytest.fixture
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    require_geometric()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # a job sets it
    monkeypatch.setenv("NEXTLABEL_TRAIN_THREADS", "1")


@pytest.mark.usefixtures("_library")
def test_it_is_trained_evaluated_and_answers_for_its_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTLABEL_DATA", str(tmp_path))
    folder = create_cora(tmp_path)
    runner = CliRunner()
    refused = runner.invoke(cli, ["train", "cora"])
    assert refused.exit_code == 1
    assert f"{folder}/ind.cora.x is damaged" in refused.stderr
    monkeypatch.setattr(cora, "CHECKSUMS", checksums(folder))
    trained = runner.invoke(cli, ["train", "cora", "--json"])
    assert trained.exit_code == 0, trained.output
    assert json.loads(trained.stdout)["metrics"]["accuracy"] > 0.9  # each class has words of its own
    measured = json.loads(runner.invoke(cli, ["evaluate", "cora", "--json"]).stdout)
    assert (measured["split"], measured["items"], measured["form"]) == ("holdout", 20, "model")


@pytest.mark.slow
@pytest.mark.usefixtures("_library")
@pytest.mark.parametrize(("project", "least"), [("cora", 0.77), ("cora-paper", 0.78)])
def test_the_accuracy_on_the_public_split(project: str, least: float) -> None:
    root = Path(os.environ.get("NEXTLABEL_DATA") or "/nowhere")
    if not (root / cora.FOLDER).exists():
        pytest.skip("Cora is not in NEXTLABEL_DATA")
    result = CliRunner().invoke(cli, ["simulate", project, "--rounds", "0", "--json"])
    assert result.exit_code == 0, result.output
    (point,) = json.loads(result.stdout)["points"]
    assert (point["labels"], point["metrics"]["holdout"]) == (140, 1000)
    assert point["metrics"]["accuracy"] > least
