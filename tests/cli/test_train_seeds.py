"""nextlabel train --seeds: trainings from nothing, apart from the project, that can be spread over days."""

from __future__ import annotations

import json
import math
import subprocess
import time
from statistics import fmean, stdev

import pytest

from nextlabel.cli import seed_runs
from nextlabel.contracts.errors import Unprocessable
from nextlabel.engine.evaluation.seed_results import SeedResult, append_result, read_results, spreads, trained_with
from nextlabel.engine.plugins.registry import load
from nextlabel.engine.project_files import LearnerChoice, PluginChoice, ProjectConfig
from nextlabel.store.file_lock import file_lock

PATIENT = '''
"""A learner that waits until it is killed, and goes on the next time."""
import time
from nextlabel.contracts import LearnerPlugin, hookimpl
from nextlabel_nearest.learner import NearestLearner, Parameters

class Patient(NearestLearner):
    def fit(self, items, targets, training):
        begun = training.folder / "begun"
        if begun.exists():
            training.progress(1.0, {"loss": 0.5, "step": 7})
            return super().fit(items, targets, training)
        training.progress(0.5, {"loss": 1.0, "step": 3, "epoch": 1, "bits": 16})
        begun.touch()
        for _ in range(600):
            training.progress(0.5, {})
            time.sleep(0.1)

@hookimpl
def nextlabel_learners():
    yield LearnerPlugin("patient", "waits until it is killed", Patient, Parameters)
'''
PROJECT = """
[dataset]
plugin = "digits"
limit = 200
[learner]
plugin = "patient"
[labels]
initial = 20
"""


@pytest.fixture
def fits(quick, monkeypatch):
    """The seeds of the learner's trainings in this process, as they begin; the one with the number `fails` fails."""
    from nextlabel_nearest.learner import NearestLearner

    fit, seeds = NearestLearner.fit, []

    def counted(self, items, targets, training):
        seeds.append(training.seed)
        if len(seeds) == counted.fails:
            raise Unprocessable("it failed")
        return fit(self, items, targets, training)

    counted.fails = 0
    monkeypatch.setattr(NearestLearner, "fit", counted)
    return seeds, counted


def test_each_seed_is_trained_from_nothing_and_stores_no_checkpoint(shell, trained, tmp_path, fits):
    before = shell.json("projects")
    found = shell.json("train", "quick", "--seeds", "3")
    assert shell.json("projects") == before
    assert [result["seed"] for result in found["results"]] == [0, 1, 2]
    assert len(set(fits[0])) == 3
    accuracies = [result["metrics"]["accuracy"] for result in found["results"]]
    assert found["spread"]["accuracy"] == {
        "mean": pytest.approx(fmean(accuracies)),
        "sd": pytest.approx(stdev(accuracies)),
    }
    first = found["results"][0]
    assert (first["project"], first["metrics"]["labels"], first["threads"] > 0) == ("quick", 20, True)
    assert first["parameters"]["dataset"].items() >= {"plugin": "digits", "limit": 300}.items()
    assert (first["steps"], first["epochs"], first["precision"]) == (None, None, None)
    assert not (trained.home / "seeds" / "quick").exists()


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_metric_that_is_no_number_has_no_mean_before_it_is_stored_and_after(tmp_path, loss):
    metrics = {"accuracy": 0.5, "loss": loss}
    result = SeedResult("quick", {}, 0, "1", None, None, None, 1.0, 1, None, metrics)
    append_result(tmp_path / "seeds.jsonl", result)
    (stored,) = read_results(tmp_path / "seeds.jsonl")
    assert spreads([result]) == spreads([stored]) == {"accuracy": {"mean": 0.5, "sd": 0.0}}


def test_as_text(shell, quick):
    lines = shell("train", "quick", "--seeds", "2").stdout.splitlines()
    assert [line.partition(" s: accuracy ")[0].rpartition(",")[0] for line in lines[:2]] == [
        "quick, seed 0",
        "quick, seed 1",
    ]
    assert lines[2].startswith("quick, mean ± standard deviation of 2 seeds: accuracy ")
    assert "%" in lines[2]


def test_one_seed_has_no_deviation(shell, quick):
    last = shell("train", "quick", "--seeds", "1").stdout.splitlines()[-1]
    assert last.startswith("quick, 1 seed: accuracy ")
    assert "±" not in last


def test_stored_seeds_are_counted_and_not_trained_again(shell, quick, quick_folder, tmp_path, fits):
    file = tmp_path / "new" / "seeds.jsonl"
    first = shell.json("train", "quick", "--seeds", "2", "--results", str(file))
    assert len(fits[0]) == 2
    both = shell.json("train", "quick", "--seeds", "3", "--results", str(file))
    assert len(fits[0]) == 3
    assert both["results"][:2] == first["results"]
    assert [result.seed for result in read_results(file)] == [0, 1, 2]
    assert first["results"][0]["parameters"]["learner"] == {
        **first["results"][0]["parameters"]["learner"],
        "size": 8,
        "sharpness": 4.0,
    }
    project = tmp_path / "quick.toml"
    text = (quick_folder / "projects" / "quick.toml").read_text()
    project.write_text(text.replace('"nearest"', '"nearest"\nsize = 8'))  # its default
    shell.json("train", str(project), "--seeds", "3", "--results", str(file))
    assert len(fits[0]) == 3
    changed = json.loads(file.read_text().splitlines()[0])
    changed["parameters"]["dataset"]["limit"] = 299
    file.write_text(json.dumps(changed) + "\n")
    shell.json("train", "quick", "--seeds", "1", "--results", str(file))
    assert len(fits[0]) == 4


def test_the_members_of_a_committee_are_stored_with_their_defaults(quick):
    config = ProjectConfig(
        name="two",
        title="Two",
        dataset=PluginChoice(plugin="digits"),
        learner=LearnerChoice(members=(PluginChoice(plugin="nearest"), PluginChoice(plugin="nearest", size=4))),
    )
    learner = trained_with(config, load(blocked=quick.blocked))["learner"]
    assert learner["plugin"] == "committee"
    assert [member["size"] for member in learner["members"]] == [8, 4]


def test_seeds_of_another_commit_are_counted_and_named(shell, quick, tmp_path, fits, monkeypatch):
    arguments = ("train", "quick", "--results", str(tmp_path / "seeds.jsonl"), "--seeds")
    monkeypatch.setattr(seed_runs, "_checkout_commit", lambda: "1a")
    assert shell(*arguments, "1").stderr == ""
    monkeypatch.setattr(seed_runs, "_checkout_commit", lambda: "2b")
    result = shell(*arguments, "2")
    assert result.stderr == "seeds trained at another commit than 2b: 0 (1a)\n"
    assert len(fits[0]) == 2


def test_an_interrupted_run_does_not_go_on_with_other_code(shell, quick, fits, monkeypatch):
    fits[1].fails = 1
    homes = []
    for commit in ("1a", "2b"):
        monkeypatch.setattr(seed_runs, "_checkout_commit", lambda commit=commit: commit)
        shell("train", "quick", "--seeds", "1", status=int(commit == "1a"))
        homes.append({path.name for path in (quick.home / "seeds" / "quick").glob("0-*")})
    assert len(homes[0]) == 1
    assert homes[1] == homes[0]  # it is there for the commit that began it


@pytest.mark.parametrize("options", [(), ("--results", "seeds.jsonl")])
def test_a_failed_seed_loses_no_finished_one(shell, quick, tmp_path, monkeypatch, fits, options):
    monkeypatch.chdir(tmp_path)
    seeds, counted = fits
    counted.fails = 2
    result = shell("train", "quick", "--seeds", "2", *options, status=1)
    assert "seed 1: it failed" in result.stderr
    assert "seed 0" in result.stdout
    assert len(shell.json("train", "quick", "--seeds", "2", *options)["results"]) == 2
    assert len(seeds) == 3  # the first seed was not trained again


def test_a_finished_command_removes_nothing_of_another(shell, quick, quick_folder, tmp_path, fits):
    seeds, counted = fits
    text = (quick_folder / "projects" / "quick.toml").read_text()
    other = tmp_path / "quick.toml"
    other.write_text(text.replace("limit = 300", "limit = 299"))
    counted.fails = 2
    shell("train", "quick", "--seeds", "2", status=1)
    folder = quick.home / "seeds" / "quick"
    (interrupted,) = folder.glob("1-*")
    shell("train", str(other), "--seeds", "1")
    shell("train", "quick", "--seeds", "1", "--results", str(tmp_path / "seeds.jsonl"))
    assert interrupted.exists()
    assert (len(seeds), len(read_results(folder / "results.jsonl"))) == (4, 2)
    shell("train", "quick", "--seeds", "2")
    assert len(seeds) == 5  # the first seed was not trained again
    assert not interrupted.exists()


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(shell, start, quick, quick_folder, tmp_path, monkeypatch):
    (quick_folder / "patient.py").write_text(PATIENT)
    (tmp_path / "patient.toml").write_text(PROJECT)
    about = quick_folder / "quick_plugins-1.0.dist-info" / "entry_points.txt"
    before = about.read_text()
    about.write_text(f"{before}patient = patient\n")
    try:
        arguments = ("train", str(tmp_path / "patient.toml"), "--seeds", "1", "--json")
        first = start(*arguments)
        deadline = time.monotonic() + 30
        while not list(quick.home.glob("seeds/patient/*/resume/patient/*/begun")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        notes = next(quick.home.glob("seeds/patient/0-*")) / "notes.json"
        while not notes.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        first.kill()
        first.wait()
        noted = json.loads(notes.read_text())
        assert noted["seconds"] > 0
        notes.write_text(json.dumps(noted | {"seconds": 1000.0}))
        second = start(*arguments)
        out, err = second.communicate(timeout=60)
    finally:
        about.write_text(before)
    assert (second.returncode, err) == (0, "")
    (result,) = json.loads(out)["results"]
    assert (result["steps"], result["epochs"], result["precision"]) == (7, 1, "bfloat16")
    assert 1000 < result["seconds"] < 1100


def test_a_run_killed_after_its_training_keeps_its_steps(shell, quick, monkeypatch):
    from nextlabel_nearest.learner import NearestLearner

    fit = NearestLearner.fit

    def reporting(self, items, targets, training):
        training.progress(1.0, {"step": 7})
        return fit(self, items, targets, training)

    def killed(path, result):
        raise Unprocessable("killed")

    monkeypatch.setattr(NearestLearner, "fit", reporting)
    with monkeypatch.context() as patch:
        patch.setattr(seed_runs, "append_result", killed)
        shell("train", "quick", "--seeds", "1", status=1)
    (result,) = shell.json("train", "quick", "--seeds", "1")["results"]
    assert result["steps"] == 7


def test_a_line_that_is_no_result_is_refused(shell, quick, tmp_path, fits):
    file = tmp_path / "seeds.jsonl"
    file.write_text('{"project": "quick"\n')
    assert f"{file}, line 1 is not" in shell.refused("train", "quick", "--seeds", "1", "--results", str(file))
    assert fits[0] == []


@pytest.mark.parametrize(
    "options",
    [("--seeds", "2", "--out", "x"), ("--seeds", "2", "--from-scratch"), ("--results", "x"), ("--seeds", "0")],
)
def test_options_that_do_not_go_together(shell, quick, options):
    assert "--" in shell.refused("train", "quick", *options, status=2)


def test_nothing_is_begun_without_the_data_set(shell, quick, quick_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("NEXTLABEL_DATA", str(tmp_path / "data"))
    text = (quick_folder / "projects" / "quick.toml").read_text()
    file = tmp_path / "second.toml"
    file.write_text(text.replace('"digits"\nlimit = 300', '"mnist"'))
    assert shell.refused("train", str(file), "--seeds", "2").startswith("Error: MNIST: ")
    assert not (quick.home / "seeds" / "second").exists()


def test_two_processes_do_not_train_the_same_seeds(shell, quick):
    with file_lock(quick.home / "seeds" / "quick.lock"):
        assert "another process trains" in shell.refused("train", "quick", "--seeds", "1")


def test_features_of_a_checkpoint_are_refused(shell, quick, quick_folder, tmp_path):
    text = (quick_folder / "projects" / "quick.toml").read_text()
    file = tmp_path / "second.toml"
    file.write_text(text.replace('"nearest"', '"nearest"\nfeatures = "checkpoint:quick"'))
    assert "starts without checkpoints" in shell.refused("train", str(file), "--seeds", "1")


def test_the_commit_of_the_checkout_is_stored(shell, quick):
    (result,) = shell.json("train", "quick", "--seeds", "1")["results"]
    root = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if root.returncode == 0:
        assert result["commit"].removesuffix("-dirty") == root.stdout.strip()
