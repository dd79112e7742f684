"""simulate: the files it writes, the table, and the very numbers the loop gives."""

from __future__ import annotations

import csv
import json
from io import StringIO
from xml.etree import ElementTree as ET

import pytest

from nextlabel.cli.follow_training import train
from nextlabel.store.labels import Label

PLAN = ("--strategy", "margin,random", "--start", "15", "--size", "10", "--rounds", "2", "--seeds", "2")


def test_the_files(shell, quick, tmp_path):
    out = tmp_path / "curves"
    said = shell.json("simulate", "quick", *PLAN, "--out", str(out))
    assert json.loads((out / "curve.json").read_text()) == said
    rows = list(csv.DictReader(StringIO((out / "curve.csv").read_text())))
    assert [row["labels"] for row in rows] == ["15", "25", "35"] * 4
    assert [row["strategy"] for row in rows] == ["margin"] * 6 + ["random"] * 6
    assert [float(row["accuracy"]) for row in rows] == [point["metrics"]["accuracy"] for point in said["points"]]
    assert ET.fromstring((out / "curve.svg").read_text()).tag.endswith("svg")
    margin, random = said["curves"]
    assert (margin["strategy"], random["strategy"]) == ("margin", "random")
    assert [place["labels"] for place in margin["band"]] == [15, 25, 35]
    assert [level["accuracy"] for level in margin["needed"]] == [0.9, 0.95, 0.98]


def test_where_nothing_can_be_written_is_told_before_anything_is_simulated(shell, quick, tmp_path):
    (tmp_path / "file").touch()
    said = shell.refused("simulate", "quick", *PLAN, "--out", str(tmp_path / "file" / "curves"))
    assert "is no folder" in said


def test_nothing_else_is_kept(shell, quick, tmp_path):
    shell("simulate", "quick", "--rounds", "0")
    assert not quick.home.exists()


def test_the_table(shell, quick):
    said = shell("simulate", "quick", "--rounds", "1", "--seeds", "2").stdout
    assert "labels to 95%" in said
    assert "not reached" in said
    assert "±" in said


def test_the_numbers_are_those_of_the_loop(shell, engine):
    """A person who asks, labels by the truth and trains gets the simulation's curve."""
    simulated = shell.json("simulate", "quick", "--strategy", "margin", "--size", "7", "--rounds", "3")["points"]
    project = engine.project("quick")
    points = [train(engine, "quick", lambda share, said: None).metrics]
    truth = engine.services.pool("quick").truth
    for _ in range(3):
        asked = project.queries.create(7, annotator="a person")
        project.labels.submit(
            "a person", [(item.id, Label(candidates=(str(truth[int(item.id)]),))) for item in asked.items]
        )
        points.append(train(engine, "quick", lambda share, said: None).metrics)
    assert [(p["labels"], p["accuracy"], p["loss"]) for p in points] == [
        tuple(point["metrics"][name] for name in ("labels", "accuracy", "loss")) for point in simulated
    ]


@pytest.mark.parametrize(("option", "value"), [("--strategy", "marginn"), ("--strategy", "margin,nope")])
def test_an_unknown_strategy_is_refused_at_once(shell, quick, option, value):
    assert "no strategy is called" in shell.refused("simulate", "quick", option, value)


def test_more_labels_than_the_data_set_knows(shell, quick):
    assert "knows only 240 labels" in shell.refused("simulate", "quick", "--start", "500")


def test_annotators_have_a_column_of_their_own(shell, quick, tmp_path):
    out = tmp_path / "curves"
    who = ("--annotators", "forced,sets", "--confusion", "0.5", "--look-alikes", "9:4,3:5:8")
    said = shell.json("simulate", "quick", "--size", "20", "--rounds", "1", "--seeds", "2", *who, "--out", str(out))
    rows = list(csv.DictReader(StringIO((out / "curve.csv").read_text())))
    assert [row["annotator"] for row in rows] == ["forced"] * 4 + ["sets"] * 4
    assert [row["annotator"] for row in rows] == [point["annotator"] for point in said["points"]]
    assert [row["labels"] for row in rows] == ["20", "40"] * 4
    assert (said["annotators"], said["confusion"]) == (["forced", "sets"], 0.5)
    assert said["look_alikes"] == {seed: [["4", "9"], ["3", "5", "8"]] for seed in ("0", "1")}
    assert [curve["annotator"] for curve in said["curves"]] == ["forced", "sets"]
    assert "margin, sets (2 runs)" in (out / "curve.svg").read_text()


def test_of_exact_annotators_nothing_is_said(shell, quick, tmp_path):
    said = shell.json("simulate", "quick", "--rounds", "1", "--out", str(tmp_path))
    assert set(said) == {"project", "size", "rounds", "seeds", "points", "curves"}
    assert set(said["points"][0]) == {"strategy", "seed", "round", "labels", "metrics"}
    assert set(said["curves"][0]) == {"strategy", "metric", "runs", "final", "needed", "band"}
    header = (tmp_path / "curve.csv").read_text().splitlines()[0]
    assert header == ",".join(["strategy", "seed", "round", "labels", *list(said["points"][0]["metrics"])[1:]])


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--annotators", "forced,set", "no annotator"),
        ("--look-alikes", "4:9,3:x", "no class"),
        ("--look-alikes", "4:9,9:3", "stands twice"),
    ],
)
def test_annotators_and_look_alikes_that_are_not_there(shell, quick, option, value, words):
    who = () if option == "--annotators" else ("--annotators", "sets")
    assert words in shell.refused("simulate", "quick", *who, option, value)


def test_no_name_at_all(shell, quick):
    assert "no name" in shell.refused("simulate", "quick", "--annotators", ",", status=2)


def test_features_of_another_checkpoint_are_not_there_to_simulate_with(
    shell, quick, quick_folder, monkeypatch, tmp_path
):
    text = (quick_folder / "projects" / "quick.toml").read_text()
    (tmp_path / "quick.toml").write_text(text)
    (tmp_path / "fed.toml").write_text(text.replace("[learner]\n", '[learner]\nfeatures = "checkpoint:quick"\n'))
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(tmp_path))
    assert "reads features from another project" in shell.refused("simulate", "fed", "--rounds", "1")
