"""The projects of photographs run where their data is: on a stand-in for it, with small networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nextlabel.cli.main_group import cli
from nextlabel.engine.plugins.registry import Registry


def told(*words: str) -> Any:
    done = CliRunner().invoke(cli, [*words, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize(("project", "dataset", "classes"), [("photos", "cifar10", 10), ("photos100", "cifar100", 100)])
def test_it_is_trained_and_evaluated(
    project: str,
    dataset: str,
    classes: int,
    registry: Registry,
    lay: Callable[[str, Path], Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    lay(dataset, tmp_path / "data")
    monkeypatch.setenv("NEXTLABEL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NEXTLABEL_TRAINED", str(tmp_path / "nothing ships"))
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(tmp_path / "projects"))
    (tmp_path / "projects").mkdir()
    file = registry.projects[project].record.file.read_text("utf-8").replace("epochs = 16\n", "")
    small = file.replace("[learner]\n", "[learner]\nepochs = 1\nsteps = 3\nfilters = 4\n")
    (tmp_path / "projects" / f"{project}.toml").write_text(small)
    trained = told("train", project)
    assert trained["metrics"]["labels"] > 30  # the sets of the data set, but for the hold-out
    measured = told("evaluate", project)
    assert (measured["split"], measured["items"], measured["form"]) == ("test", 12, "onnx")
    image = next(Path(__file__).parents[3].glob("docs/screenshots/*.png"))
    assert len(told("predict", project, str(image))["probabilities"]) == classes
