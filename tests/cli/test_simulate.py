"""simulate: the files it writes, the table, and the same numbers as the real loop."""

from __future__ import annotations

import csv
import json
from io import StringIO
from xml.etree import ElementTree as ET

import pytest

from nextlabel.cli.train import train
from nextlabel.store.labels import Label

PLAN = ("--strategy", "margin,random", "--start", "15", "--size", "10", "--rounds", "2", "--seeds", "2")


@pytest.mark.slow
def test_files(shell, quick, tmp_path):
    out = tmp_path / "curves"
    printed = shell.json("simulate", "quick", *PLAN, "--out", str(out))
    assert json.loads((out / "curve.json").read_text()) == printed
    rows = list(csv.DictReader(StringIO((out / "curve.csv").read_text())))
    assert [row["labels"] for row in rows] == ["15", "25", "35"] * 4
    assert [row["strategy"] for row in rows] == ["margin"] * 6 + ["random"] * 6
    assert [float(row["accuracy"]) for row in rows] == [point["metrics"]["accuracy"] for point in printed["points"]]
    assert ET.fromstring((out / "curve.svg").read_text()).tag.endswith("svg")
    margin, random = printed["curves"]
    assert (margin["strategy"], random["strategy"]) == ("margin", "random")
    assert [point["labels"] for point in margin["band"]] == [15, 25, 35]
    assert [level["accuracy"] for level in margin["needed"]] == [0.9, 0.95, 0.98]


@pytest.mark.slow
def test_the_items_queried_are_written(shell, quick, tmp_path):
    out = tmp_path / "curves"
    shown = shell("simulate", "quick", *PLAN, "--out", str(out)).stdout.splitlines()
    files = ["curve.csv", "curve.json", "curve.svg", "asked.json", "asked-margin.svg", "asked-random.svg"]
    assert sorted(path.name for path in out.iterdir()) == sorted(files)
    assert shown[-1] == f"{', '.join(files[:-1])} and {files[-1]} are in {out}"
    rounds = json.loads((out / "asked.json").read_text())
    places = [(strategy, seed, number) for strategy in ("margin", "random") for seed in (0, 1) for number in (1, 2)]
    assert [(row["strategy"], row["seed"], row["round"]) for row in rounds] == places
    assert all(len(row["items"]) == 10 and len({item["id"] for item in row["items"]}) == 10 for row in rounds)
    picture = ET.fromstring((out / "asked-margin.svg").read_text())
    titles = [title.text for title in picture.iter("{http://www.w3.org/2000/svg}title")]
    first = [item for row in rounds[:2] for item in row["items"]]
    assert titles == [f"{item['id']}: predicted {item['predicted']}, true {item['true']}" for item in first]
    wrong = sum(item["predicted"] != item["true"] for item in first)
    assert sum(group.get("class") == "item wrong" for group in picture.iter("{http://www.w3.org/2000/svg}g")) == wrong
    assert wrong > 0


def test_one_strategy_has_one_picture(shell, quick, tmp_path):
    shell("simulate", "quick", "--rounds", "1", "--out", str(tmp_path / "out"))
    assert "asked.svg" in {path.name for path in (tmp_path / "out").iterdir()}


@pytest.fixture
def blobs(quick, tmp_path, monkeypatch, distribute):
    """Write the project `blobs`, whose data set has a test split; return a function that does it with other tables."""
    distribute(tmp_path, "toy-plugins", datasets="support.toy_plugins", learners="support.toy_learners")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "projects").mkdir()
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(tmp_path / "projects"))

    def write(tables=""):
        project = '[dataset]\nplugin = "toy-blobs"\ntests = 9\n[learner]\nplugin = "toy-ridge"\n'
        (tmp_path / "projects" / "blobs.toml").write_text(f"{project}{tables}")

    return write


def test_the_test_split_has_a_column(shell, blobs, tmp_path):
    blobs("[labels]\ninitial = 6\n")
    shown = shell("simulate", "blobs", "--rounds", "1", "--out", str(tmp_path / "out")).stdout
    assert "final accuracy" in shown
    assert "final test accuracy" in shown
    assert "no hold-out" not in shown
    (first, *_) = csv.DictReader(StringIO((tmp_path / "out" / "curve.csv").read_text()))
    assert (first["test_accuracy"], float(first["test_loss"]) > 0) == ("1.0", True)


@pytest.mark.parametrize("goal", ["", "[stop]\naccuracy = 0.9\n"])
def test_without_a_hold_out_the_test_split_is_shown_and_named(shell, blobs, tmp_path, goal):
    blobs(f"[labels]\ninitial = 6\nholdout = 0.0\n{goal}")
    shown = shell("simulate", "blobs", "--rounds", "2", "--out", str(tmp_path / "out")).stdout
    assert "final test accuracy" in shown
    assert ("labels to 95%" in shown) is not bool(goal)  # the goal is reached at the start, so there is one round
    note = "there is no hold-out: this is measured on the data set's own test split"
    stops = ", and a run stops when it reaches the goal on it"
    assert [line for line in shown.splitlines() if "no hold-out" in line] == [note + (stops if goal else "")]
    assert len((tmp_path / "out" / "curve.csv").read_text().splitlines()) == (2 if goal else 4)
    (curve,) = shell.json("simulate", "blobs", "--rounds", "1")["curves"]
    assert (curve["metric"], len(curve["needed"])) == ("test_accuracy", 3)


def test_epochs_and_rounds_are_printed(shell, blobs):
    blobs("[labels]\ninitial = 6\n[simulate]\nsize = 3\nrounds = 1\n")
    lines = shell("simulate", "blobs", "--strategy", "random").stdout.splitlines()
    points = shell.json("simulate", "blobs", "--strategy", "random")["points"]
    assert [point["epochs"] for point in points] == [[1.0, 0.5]] * 2
    expected = []
    for point in points:
        run = f"random, seed 0, round {point['round']}"
        metrics = point["metrics"]
        expected += [f"{run}: epoch {number}, loss {loss:.4g}" for number, loss in enumerate(point["epochs"], 1)]
        measured = f"accuracy {metrics['accuracy']:.2%}, test accuracy {metrics['test_accuracy']:.2%}"
        expected.append(f"{run}, {point['labels']} labels: {measured}")
    assert lines[:6] == expected


@pytest.mark.parametrize("options", [(), ("--annotators", "exact,sets", "--confusion", "0.5")])
def test_the_report_of_the_last_round(shell, blobs, options):
    blobs("[labels]\ninitial = 6\n")
    plan = ("simulate", "blobs", "--rounds", "1", "--seeds", "2", "--strategy", "random,margin", *options, "--report")
    printed = shell.json(*plan)
    names = [(report["strategy"], report.get("annotator")) for report in printed["reports"]]
    kinds = ("exact", "sets") if options else (None,)
    assert names == [(strategy, kind) for strategy in ("random", "margin") for kind in kinds]
    for report, (strategy, kind) in zip(printed["reports"], names, strict=True):
        assert (report["seeds"], report["split"]) == ([0, 1], "test")
        last = [
            point["metrics"]["test_accuracy"]
            for point in printed["points"]
            if (point["strategy"], point.get("annotator"), point["round"]) == (strategy, kind, 1)
        ]
        assert report["report"]["accuracy"] == pytest.approx(sum(last) / 2)
        assert sum(map(sum, report["confusion"])) == report["report"]["macro"]["support"] == 18
    lines = shell(*plan).stdout.splitlines()
    suffix = ", exact" if options else ""
    assert f"random{suffix}, the last round of 2 seeds together, on the data set's own test split" in lines
    assert sum("Confusion matrix" in line for line in lines) == len(names)


@pytest.mark.parametrize("goal", ["", "[stop]\naccuracy = 0.5\n"])
def test_without_a_test_split_the_unlabelled_items_are_shown_and_named(shell, tmp_path, blobs, goal):
    blobs(f"[labels]\ninitial = 6\nholdout = 0.0\n{goal}")
    file = tmp_path / "projects" / "blobs.toml"
    file.write_text(file.read_text().replace("tests = 9\n", ""))
    shown = shell("simulate", "blobs", "--rounds", "2", "--out", str(tmp_path / "out")).stdout
    assert "final unlabelled accuracy" in shown
    note = (
        "there is neither a hold-out nor a test split: this is measured on the items that nobody has labelled, "
        "which a transductive learner uses unlabelled"
    )
    stops = ", and a run stops when it reaches the goal on them"
    assert [line for line in shown.splitlines() if "hold-out" in line] == [note + (stops if goal else "")]
    assert len((tmp_path / "out" / "curve.csv").read_text().splitlines()) == (2 if goal else 4)
    assert "accuracy on the items without a label" in (tmp_path / "out" / "curve.svg").read_text()
    (curve,) = shell.json("simulate", "blobs", "--rounds", "1")["curves"]
    assert curve["metric"] == "unlabelled_accuracy"


def test_train_shows_the_test_split(shell, blobs):
    blobs("[labels]\ninitial = 6\n")
    assert ", test_accuracy 100.0%, test_loss " in shell("train", "blobs").stdout


def test_an_unwritable_folder_is_reported_before_the_simulation(shell, quick, tmp_path):
    (tmp_path / "file").touch()
    message = shell.refused("simulate", "quick", *PLAN, "--out", str(tmp_path / "file" / "curves"))
    assert "is not a folder" in message


def test_nothing_else_is_stored(shell, quick, tmp_path):
    shell("simulate", "quick", "--rounds", "0")
    assert not quick.home.exists()


def test_table(shell, quick):
    table = shell("simulate", "quick", "--rounds", "1", "--seeds", "2").stdout
    assert "labels to 95%" in table
    assert "not reached" in table
    assert "±" in table


def test_the_curve_is_that_of_a_real_annotator(shell, engine):
    """An annotator who queries, labels correctly and trains gets the simulation's curve."""
    simulated = shell.json("simulate", "quick", "--strategy", "margin", "--size", "7", "--rounds", "3")["points"]
    project = engine.project("quick")
    points = [train(engine, "quick", lambda share, message: None).metrics]
    truth = engine.services.pool("quick").truth
    for _ in range(3):
        query = project.queries.create(7, annotator="ann")
        project.labels.submit("ann", [(item.id, Label(candidates=(str(truth[int(item.id)]),))) for item in query.items])
        points.append(train(engine, "quick", lambda share, message: None).metrics)
    assert [(p["labels"], p["accuracy"], p["loss"]) for p in points] == [
        tuple(point["metrics"][name] for name in ("labels", "accuracy", "loss")) for point in simulated
    ]


def test_without_rounds_there_is_neither_a_picture_of_items_nor_a_crossing(shell, quick, tmp_path):
    shown = shell("simulate", "quick", "--rounds", "0", "--out", str(tmp_path / "out")).stdout
    files = ["curve.csv", "curve.json", "curve.svg", "asked.json"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(files)
    assert shown.splitlines()[-1] == f"{', '.join(files[:-1])} and {files[-1]} are in {tmp_path / 'out'}"
    assert "final accuracy" in shown
    assert "labels to" not in shown


@pytest.mark.parametrize(("option", "value"), [("--strategy", "marginn"), ("--strategy", "margin,nope")])
def test_unknown_strategies(shell, quick, option, value):
    assert "no strategy is called" in shell.refused("simulate", "quick", option, value)


def test_more_initial_labels_than_the_data_set_has(shell, quick):
    assert "knows only 240 labels" in shell.refused("simulate", "quick", "--start", "500")


def test_without_labels_at_the_start_the_option_is_named(shell, blobs):
    blobs()
    message = shell.refused("simulate", "blobs", "--rounds", "1")
    assert message.endswith("there is no label to learn from yet; --start gives the simulation labels to start with")
    shell("simulate", "blobs", "--rounds", "1", "--start", "6")


def test_a_strategy_that_does_not_fit_is_refused_before_any_run(shell, blobs):
    blobs()
    message = shell.refused("simulate", "blobs", "--rounds", "1", "--strategy", "random,largest-std")
    assert "strategy 'largest-std' needs std, which the models of a classification do not return" in message
    assert "--start" not in message


def test_annotators_have_a_column(shell, quick, tmp_path):
    out = tmp_path / "curves"
    options = ("--annotators", "forced,sets", "--confusion", "0.5", "--look-alikes", "9:4,3:5:8")
    printed = shell.json(
        "simulate", "quick", "--size", "20", "--rounds", "1", "--seeds", "2", *options, "--out", str(out)
    )
    rows = list(csv.DictReader(StringIO((out / "curve.csv").read_text())))
    assert [row["annotator"] for row in rows] == ["forced"] * 4 + ["sets"] * 4
    assert [row["annotator"] for row in rows] == [point["annotator"] for point in printed["points"]]
    assert [row["labels"] for row in rows] == ["20", "40"] * 4
    assert (printed["annotators"], printed["confusion"]) == (["forced", "sets"], 0.5)
    assert printed["look_alikes"] == {seed: [["4", "9"], ["3", "5", "8"]] for seed in ("0", "1")}
    assert [curve["annotator"] for curve in printed["curves"]] == ["forced", "sets"]
    assert "margin, sets (2 runs)" in (out / "curve.svg").read_text()


def test_exact_annotators_are_not_mentioned(shell, quick, tmp_path):
    printed = shell.json("simulate", "quick", "--rounds", "1", "--out", str(tmp_path))
    assert set(printed) == {"project", "size", "rounds", "seeds", "points", "curves"}
    assert set(printed["points"][0]) == {"strategy", "seed", "round", "labels", "metrics"}
    assert set(printed["curves"][0]) == {"strategy", "metric", "runs", "final", "needed", "band"}
    header = (tmp_path / "curve.csv").read_text().splitlines()[0]
    assert header == ",".join(["strategy", "seed", "round", "labels", *list(printed["points"][0]["metrics"])[1:]])


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--annotators", "forced,set", "no annotator"),
        ("--look-alikes", "4:9,3:x", "no class"),
        ("--look-alikes", "4:9,9:3", "occurs twice"),
    ],
)
def test_invalid_annotators_and_look_alikes(shell, quick, option, value, message):
    options = () if option == "--annotators" else ("--annotators", "sets")
    assert message in shell.refused("simulate", "quick", *options, option, value)


def test_an_empty_list_of_annotators(shell, quick):
    assert "no name" in shell.refused("simulate", "quick", "--annotators", ",", status=2)


def test_a_project_with_features_of_another_checkpoint(shell, quick, quick_folder, monkeypatch, tmp_path):
    text = (quick_folder / "projects" / "quick.toml").read_text()
    (tmp_path / "quick.toml").write_text(text)
    (tmp_path / "fed.toml").write_text(text.replace("[learner]\n", '[learner]\nfeatures = "checkpoint:quick"\n'))
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(tmp_path))
    assert "reads features from another project" in shell.refused("simulate", "fed", "--rounds", "1")
