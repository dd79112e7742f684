"""train --out: a checkpoint to ship, with a card that records its creation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nextlabel.cli.train import command_line


@pytest.fixture
def out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Path("trained", "quick", "tiny")


def test_the_checkpoint_is_written_with_its_card(shell, quick, out):
    output = shell("train", "quick", "--out", str(out)).stdout.splitlines()
    assert output[-1].startswith("trained/quick/tiny: 0.0 MB, ready to ship, accuracy ")
    card = json.loads((out / "card.json").read_text())
    assert card["command"] == "nextlabel train quick --out trained/quick/tiny"
    assert card["licence"] == "Apache-2.0"
    assert card["dataset"] == {"plugin": "digits", "parameters": {"limit": 300}}
    assert (card["test"]["split"], card["test"]["items"]) == ("holdout", 60)
    assert card["seconds"] >= 0
    assert card["processor_threads"] >= 1
    assert str(Path.cwd()) not in json.dumps(card)


def test_it_starts_from_scratch(shell, trained, out):
    shell("train", "quick", "--out", str(out), "--licence", "CC-BY-4.0")
    card = json.loads((out / "card.json").read_text())
    assert card["start"] is None
    assert card["command"].endswith("--licence CC-BY-4.0")
    checkpoints = Path(trained.home, "checkpoints", "quick")
    assert json.loads((checkpoints / "r2" / "card.json").read_text())["start"] is None
    shell("train", "quick")
    assert json.loads((checkpoints / "r3" / "card.json").read_text())["start"] == "r2"


def test_an_unwritable_target_is_refused_before_the_training(shell, quick, out):
    assert "cannot be called 'r1'" in shell.refused("train", "quick", "--out", "r1")
    out.mkdir(parents=True)
    assert "exists already" in shell.refused("train", "quick", "--out", str(out))
    assert "--licence only applies to --out" in shell.refused("train", "quick", "--licence", "MIT", status=2)
    assert not Path(quick.home).exists()


@pytest.mark.parametrize("folder", ["/somewhere/else/tiny", "../elsewhere/tiny"])
def test_the_command_holds_no_path_of_this_machine(folder):
    assert command_line("quick", Path(folder), None) == "nextlabel train quick --out tiny"
