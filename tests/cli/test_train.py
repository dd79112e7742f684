"""train and evaluate: in this process, or in the worker of a running server."""

from __future__ import annotations

import json
import signal
import time
from contextlib import suppress

import pytest

from nextlabel.app import create_app
from nextlabel.engine.jobs import run_job
from nextlabel.store import checkpoints

INTERRUPTED = {1, -signal.SIGINT}
"""Status: Python ends by the signal where the interrupt came through an exec, as in an import with dataclasses."""


@pytest.fixture
def jobs(engine):
    """The jobs, newest first."""
    return lambda: [(job.project, job.state) for job in engine.jobs()]


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_train_prints_what_http_returns(shell, quick):
    output = shell.json("train", "quick")
    app = create_app(quick)
    assert [output] == app.test_client().get("/checkpoints").json["checkpoints"]
    app.extensions["nextlabel"].services.database.dispose()
    assert output["checkpoint"] == "r1"
    assert output["live"]
    assert output["metrics"]["labels"] == 20
    assert 0 < output["metrics"]["accuracy"] <= 1


def test_train_as_text(shell, quick):
    output = shell("train", "quick").stdout.splitlines()
    assert output[0] == "quick/r1 is live: the first checkpoint of this project"
    assert output[1].startswith("labels 20, accuracy ")


def test_queued_trainings_run_first(shell, engine, jobs):
    first = engine.project("quick").start_training()
    output = shell.json("train", "quick")
    assert output["job"] == first
    assert jobs() == [("quick", "succeeded")]


def test_a_failed_training_is_a_one_line_error(shell, quick, quick_folder, monkeypatch, tmp_path):
    (tmp_path / "none.toml").write_text((quick_folder / "projects" / "quick.toml").read_text().replace("20", "0"))
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(tmp_path))
    assert "no label to learn from" in shell.refused("train", "none")


def test_an_unknown_project_is_a_one_line_error(shell, quick):
    assert "did you mean 'quick'" in shell.refused("train", "quik")


def test_evaluate_on_the_hold_out(shell, trained):
    output = shell.json("evaluate", "quick")
    checkpoint = shell.json("projects")["projects"]
    metrics = next(entry["metrics"] for entry in checkpoint if entry["name"] == "quick")
    report = output.pop("report")
    assert (report["accuracy"], report["macro"]["support"]) == (pytest.approx(metrics["accuracy"]), 60)
    assert sum(map(sum, output.pop("confusion"))) == 60
    assert output == {
        "project": "quick",
        "checkpoint": "r1",
        "split": "holdout",
        "items": 60,
        "metrics": {name: pytest.approx(metrics[name]) for name in ("accuracy", "loss")},
        "form": "model",
    }
    expected = "quick/r1 on the hold-out (60 items), as served: through the model's own class\naccuracy "
    shown = shell("evaluate", "quick").stdout
    assert shown.startswith(expected)
    row = next(line for line in shown.splitlines() if "macro average" in line).replace("│", "").split()
    macro = report["macro"]
    assert row[2:] == [*(f"{macro[name]:.1%}" for name in ("precision", "recall", "f1")), "60"]
    assert "Confusion matrix" in shown


def test_evaluate_before_any_training(shell, quick):
    assert "train it first" in shell.refused("evaluate", "quick")


@pytest.mark.slow
def test_ctrl_c_cancels_the_training(start, engine, jobs):
    process = start("train", "sleepy")
    until(lambda: ("sleepy", "running") in jobs())
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode in INTERRUPTED
    assert out == ""
    assert "Traceback" not in err
    assert jobs() == [("sleepy", "cancelled")]


def swallowed(services, job, report):
    with suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    report(0.5, {})
    raise AssertionError("it continued")


def called_an_error(services, job, report):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ImportError("initialization failed") from None


@pytest.mark.parametrize("train", [swallowed, called_an_error])
def test_ctrl_c_cancels_even_if_a_library_swallows_it(shell, engine, jobs, monkeypatch, ctrl_c, train):
    monkeypatch.setattr(run_job, "train", train)
    engine.project("sleepy").start_training()
    result = shell("train", "quick", status=1)
    assert "Traceback" not in result.stderr
    assert jobs() == [("quick", "cancelled"), ("sleepy", "queued")]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
def test_ctrl_c_cancels_the_workers_training(start, engine, jobs):
    start("worker")
    until(lambda: ("quick", "succeeded") in jobs())  # the default project trains by itself
    process = start("train", "sleepy")
    until(lambda: ("sleepy", "running") in jobs())
    second = start("train", "sleepy")
    assert "already trains" in second.communicate(timeout=20)[1]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode in INTERRUPTED
    until(lambda: ("sleepy", "cancelled") in jobs())


@pytest.mark.slow
def test_the_command_follows_the_workers_training(start, engine, jobs):
    start("worker")
    until(lambda: ("quick", "succeeded") in jobs())
    process = start("train", "quick", "--json")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["checkpoint"] == "r2"
    # the worker's child wrote the log
    assert engine.job(json.loads(out)["job"]).log


def test_from_scratch_ignores_the_live_checkpoint(shell, engine):
    names = [shell.json("train", "quick", *options)["checkpoint"] for options in ([], [], ["--from-scratch"])]
    with engine.services.database.read() as connection:
        cards = [checkpoints.get(connection, "quick", name).card for name in names]
    assert [card["start"] for card in cards] == [None, "r1", None]
