"""The projects of photos run end to end, on small stand-in data sets and networks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nextlabel.cli.main_group import cli
from nextlabel.engine.plugins.registry import Registry


def run_command(*words: str) -> Any:
    result = CliRunner().invoke(cli, [*words, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("project", "dataset", "classes", "labels"),
    [("photos", "cifar10", 10, 31), ("photos-reference", "cifar10", 10, 40), ("photos100", "cifar100", 100, 31)],
)
def test_a_project_is_trained_evaluated_and_predicts(
    project: str,
    dataset: str,
    classes: int,
    labels: int,
    registry: Registry,
    create: Callable[[str, Path], Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    create(dataset, tmp_path / "data")
    monkeypatch.setenv("NEXTLABEL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NEXTLABEL_TRAINED", str(tmp_path / "no bundled checkpoints"))
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(tmp_path / "projects"))
    (tmp_path / "projects").mkdir()
    text = re.sub(r"(epochs|min_steps) = \d+\n", "", registry.projects[project].record.file.read_text("utf-8"))
    small = text.replace("[learner]\n", "[learner]\nepochs = 1\nmin_steps = 3\nfilters = 4\n")
    (tmp_path / "projects" / f"{project}.toml").write_text(small)
    trained = run_command("train", project)
    assert trained["metrics"]["labels"] >= labels  # the data set's candidate sets without the hold-out
    measured = run_command("evaluate", project)
    assert (measured["split"], measured["items"], measured["form"]) == ("test", 12, "onnx")
    image = next(Path(__file__).parents[3].glob("docs/screenshots/*.png"))
    assert len(run_command("predict", project, str(image))["probabilities"]) == classes


def test_photos_downloads_its_data_set(
    publish: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish("cifar10")
    monkeypatch.delenv("NEXTLABEL_DATA", raising=False)
    folder = tmp_path / "home" / "data"
    downloaded = run_command("download", "photos")
    assert downloaded == {"project": "photos", "dataset": "cifar10", "folder": str(folder), "backbone": None}
    assert (folder / "cifar-10-batches-py" / "data_batch_1").exists()
    assert run_command("download", "photos") == downloaded
