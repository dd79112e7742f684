"""simulate on a regression: the comparison with random choice, the picture of the fits, and the goal."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from nextlabel.cli.simulation_text import comparison_note, comparison_text, progress_text
from nextlabel.engine.simulation.comparison import Comparison
from nextlabel.engine.simulation.simulate import Point

PROJECT = """[dataset]
plugin = "sine"
points = 30
[learner]
plugin = "gp"
[strategy]
plugin = "random"
[labels]
initial = 5
holdout = 0
[simulate]
size = 1
rounds = 2
"""
NOTE = "there is no hold-out: this is measured on the data set's own test split"


@pytest.fixture
def wave(tmp_path, monkeypatch):
    """Return a function that writes the project `wave` with further tables."""
    (tmp_path / "projects").mkdir()
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(tmp_path / "projects"))
    monkeypatch.setenv("NEXTLABEL_TRAIN_THREADS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def write(tables=""):
        (tmp_path / "projects" / "wave.toml").write_text(PROJECT + tables)

    return write


@pytest.mark.slow
def test_the_comparison_and_the_fits(shell, wave, tmp_path):
    wave()
    out = tmp_path / "out"
    printed = shell.json("simulate", "wave", "--strategy", "largest-std,random", "--seeds", "3", "--out", str(out))
    assert json.loads((out / "curve.json").read_text()) == printed
    (entry,) = printed["comparisons"]
    means = {curve["strategy"]: curve["final"]["mean"] for curve in printed["curves"]}
    assert (entry["strategy"], entry["against"], entry["measure"]) == ("largest-std", "random", "ratio")
    assert (entry["metric"], entry["seeds"], entry["ended_early"]) == ("test_rmse", 3, False)
    assert entry["value"] == pytest.approx(means["largest-std"] / means["random"])
    assert (entry["low"], entry["high"]) == (None, None)
    text = (out / "fit.svg").read_text()
    assert ET.fromstring(text).tag.endswith("svg")
    assert "first fit, 5 labels" in text
    assert "last fit, 7 labels" in text


@pytest.mark.slow
def test_the_error_on_the_test_split_ends_a_run(shell, wave):
    wave()
    measured = [point["metrics"]["test_rmse"] for point in shell.json("simulate", "wave")["points"]]
    assert len(measured) == 3
    wave(f"[stop]\nrmse = {max(measured)}\n")
    shown = shell("simulate", "wave").stdout
    reached = next(number for number, error in enumerate(measured) if error <= max(measured))
    assert f"seed 0, round {reached}" in shown
    assert f"seed 0, round {reached + 1}" not in shown
    assert f"{NOTE}, and a run stops when it reaches the goal on it" in shown
    wave(f"[stop]\nrmse = {min(measured) / 2}\n")
    assert len(shell.json("simulate", "wave")["points"]) == 3


def test_the_text_of_a_comparison():
    ratio = Comparison("largest-std", "", "test_rmse", "ratio", 0.7124, 0.65, 0.7777, 50, ended_early=False)
    assert comparison_text(ratio) == "0.712 (0.650 to 0.778)"
    assert comparison_note([ratio]) == (
        "against random: final test rmse, mean divided by that of random, with its 95 % interval "
        "(bootstrap of 50 pairs of runs with the same seed)"
    )
    difference = Comparison("margin", "", "accuracy", "difference", 2.5, -0.25, 5, 20, ended_early=True)
    assert comparison_text(difference) == "+2.50 points (-0.25 to +5.00)"
    note = comparison_note([difference])
    assert note.startswith("against random: final accuracy, percentage points above random")
    assert note.endswith(
        "(bootstrap of 20 pairs of runs with the same seed); "
        "a run that ended early counts with its last value, so the runs have different numbers of labels"
    )


def test_few_seeds_have_no_interval():
    ratio = Comparison("largest-std", "", "rmse", "ratio", 0.7124, None, None, 19, ended_early=False)
    assert comparison_text(ratio) == "0.712"
    assert comparison_note([ratio]) == (
        "against random: final rmse, mean divided by that of random (--seeds 20 or more gives an interval)"
    )
    assert comparison_text(replace(ratio, measure="difference", value=2.5)) == "+2.50 points"


def test_the_progress_bar_shows_the_error():
    point = Point("random", 3, 1, 8, {"labels": 8.0, "test_loss": 0.5, "test_rmse": 0.123456})
    assert progress_text(point) == "random, seed 3: 8 labels, rmse 0.1235"
    assert progress_text(replace(point, metrics={"accuracy": 0.5})) == "random, seed 3: 8 labels, 50.0%"
    assert progress_text(replace(point, metrics={})) == "random, seed 3: 8 labels"
