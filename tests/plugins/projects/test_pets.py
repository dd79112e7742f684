"""The project `pets` has the settings of the original, and runs before any label, on a small stand-in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from support.pets import create_pets
from torchvision import models

from nextlabel.cli.main_group import cli
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import load_projects
from nextlabel.testing import check_project


def run_command(*words: str, status: int = 0) -> Any:
    result = CliRunner().invoke(cli, [*words, "--json"])
    assert result.exit_code == status, result.output
    return json.loads(result.stdout) if status == 0 else result.stderr


def test_the_settings_of_pets(registry: Registry) -> None:
    check_project(registry.projects["pets"].record, registry)
    pets = load_projects(registry, None).get("pets")
    assert pets.features is not None
    assert (pets.dataset.plugin, pets.features.plugin, pets.learner.plugin) == (
        "pets",
        "torchvision:resnet18",
        "linear",
    )
    assert (pets.strategy.plugin, pets.strategy.size, pets.strategy.parameters) == ("dbal", 20, {"beta": 10})
    assert (pets.labels.initial, pets.labels.holdout) == (0, 0.0)


@pytest.mark.slow
def test_it_is_queried_trained_and_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_pets(tmp_path / "data")
    monkeypatch.setenv("NEXTLABEL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NEXTLABEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    cache = tmp_path / "torch" / "hub" / "checkpoints"
    refused = run_command("query", "pets", "--home", str(tmp_path / "other home"), status=1)
    assert f"the weights of torchvision:resnet18 are missing: {cache}" in refused
    cache.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(models.resnet18().state_dict(), cache / "resnet18-f37072fd.pth")
    answer = run_command("query", "pets", "--out", str(tmp_path / "out"))
    assert (answer["checkpoint"], answer["probabilities"]) == (None, "torchvision:resnet18")
    assert len(answer["items"]) == 20
    for name, item in zip(answer["out"]["images"], answer["items"], strict=True):
        original = tmp_path / "data" / "oxford-iiit-pet" / "images" / f"{item['id']}.jpg"
        assert (tmp_path / "out" / name).read_bytes() == original.read_bytes()
    breeds = {item["id"]: item["id"].rpartition("_")[0].replace("_", " ").title() for item in answer["items"]}
    rows = "".join(f"{name},{breed}\n" for name, breed in breeds.items())
    (tmp_path / "labels.csv").write_text(f"id,label\n{rows}")
    run_command("import", "pets", str(tmp_path / "labels.csv"), "--annotator", "ann")
    assert run_command("train", "pets")["live"]
    measured = run_command("evaluate", "pets")
    assert (measured["split"], measured["items"], measured["form"]) == ("test", 8, "onnx")
    assert measured["metrics"]["accuracy"] > 0.7  # each breed has a colour
    assert run_command("query", "pets", "--size", "4")["probabilities"] == "checkpoint"
