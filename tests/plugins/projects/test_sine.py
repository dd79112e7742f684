"""The project `sine` has the settings of modAL's example, and never asks a point twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nextlabel.cli.main_group import cli
from nextlabel.engine.plugins.parameters import validate
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import load_projects
from nextlabel.testing import check_project
from nextlabel_plugins.datasets.sine import Sine, SineParameters
from nextlabel_plugins.learners.gp import GPParameters


def test_the_settings_of_sine(registry: Registry) -> None:
    check_project(registry.projects["sine"].record, registry)
    sine = load_projects(registry, None).get("sine")
    assert (sine.dataset.plugin, sine.learner.plugin, sine.strategy.plugin) == ("sine", "gp", "largest-std")
    assert (sine.labels.initial, sine.labels.holdout) == (5, 0)
    assert (sine.strategy.size, sine.simulate.size, sine.simulate.start, sine.simulate.rounds) == (1, None, None, 10)
    # those of the example are the plugins' defaults
    assert validate(GPParameters, sine.learner.parameters, "[learner]") == GPParameters()
    assert validate(SineParameters, sine.dataset.parameters, "[dataset]") == SineParameters()


@pytest.mark.slow
def test_no_point_is_asked_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("NEXTLABEL_TRAIN_THREADS", "1")
    result = CliRunner().invoke(cli, ["simulate", "sine", "--json", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    points: list[dict[str, Any]] = json.loads(result.stdout)["points"]
    assert [point["labels"] for point in points] == list(range(5, 16))
    assert points[-1]["metrics"]["test_rmse"] < points[0]["metrics"]["test_rmse"]
    rounds = json.loads((tmp_path / "asked.json").read_text())
    queried = [item["id"] for entry in rounds for item in entry["items"]]
    assert len(queried) == len(set(queried)) == 10
    assert set(queried) <= set(Sine(SineParameters()).read(None, 0).ids)
    text = (tmp_path / "fit.svg").read_text()
    # none of them was labelled at the start: the picture has five points, and ten others
    assert text.count('<polygon class="dot"') == 5 + 1
    assert text.count('<circle class="dot"') == 200 + 10 + 2
