"""train and evaluate: in this process, or by the worker of a server that runs."""

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
    """The jobs there are, newest first."""
    return lambda: [(job.project, job.state) for job in engine.jobs()]


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)


def test_train_says_what_http_says(shell, quick):
    said = shell.json("train", "quick")
    app = create_app(quick)
    assert [said] == app.test_client().get("/checkpoints").json["checkpoints"]
    app.extensions["nextlabel"].services.database.dispose()
    assert said["checkpoint"] == "r1"
    assert said["live"]
    assert said["metrics"]["labels"] == 20
    assert 0 < said["metrics"]["accuracy"] <= 1


def test_train_for_a_person(shell, quick):
    said = shell("train", "quick").stdout.splitlines()
    assert said[0] == "quick/r1 is live: the first checkpoint of this project"
    assert said[1].startswith("labels 20, accuracy ")


def test_what_waits_is_trained_first(shell, engine, jobs):
    first = engine.project("quick").train()
    said = shell.json("train", "quick")
    assert said["job"] == first
    assert jobs() == [("quick", "succeeded")]


def test_a_training_that_fails_is_one_line(shell, quick, quick_folder, monkeypatch, tmp_path):
    (tmp_path / "none.toml").write_text((quick_folder / "projects" / "quick.toml").read_text().replace("20", "0"))
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(tmp_path))
    assert "no label to learn from" in shell.refused("train", "none")


def test_an_unknown_project_is_one_line(shell, quick):
    assert "did you mean 'quick'" in shell.refused("train", "quik")


def test_evaluate_on_the_hold_out(shell, trained):
    said = shell.json("evaluate", "quick")
    checkpoint = shell.json("projects")["projects"]
    metrics = next(entry["metrics"] for entry in checkpoint if entry["name"] == "quick")
    assert said == {
        "project": "quick",
        "checkpoint": "r1",
        "split": "holdout",
        "items": 60,
        "metrics": {name: pytest.approx(metrics[name]) for name in ("accuracy", "loss")},
        "form": "model",
    }
    told = "quick/r1 on the hold-out (60 items), as served: through the model's own class\naccuracy "
    assert shell("evaluate", "quick").stdout.startswith(told)


def test_evaluate_before_any_training(shell, quick):
    assert "train it first" in shell.refused("evaluate", "quick")


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
    raise AssertionError("it went on")


def called_an_error(services, job, report):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ImportError("initialization failed") from None


@pytest.mark.parametrize("train", [swallowed, called_an_error])
def test_ctrl_c_cancels_what_does_not_let_it_through(shell, engine, jobs, monkeypatch, ctrl_c, train):
    monkeypatch.setattr(run_job, "train", train)
    engine.project("sleepy").train()
    result = shell("train", "quick", status=1)  # stopped in the first of what waits, it runs no other
    assert "Traceback" not in result.stderr
    assert jobs() == [("quick", "cancelled"), ("sleepy", "cancelled")]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_cancels_the_workers_training(start, engine, jobs):
    start("worker")
    until(lambda: ("quick", "succeeded") in jobs())  # the default project trains unasked
    process = start("train", "sleepy")
    until(lambda: ("sleepy", "running") in jobs())
    second = start("train", "sleepy")
    assert "already trains" in second.communicate(timeout=20)[1]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode in INTERRUPTED
    until(lambda: ("sleepy", "cancelled") in jobs())


def test_the_worker_trains_and_the_command_looks_on(start, engine, jobs):
    start("worker")
    until(lambda: ("quick", "succeeded") in jobs())
    process = start("train", "quick", "--json")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["checkpoint"] == "r2"
    # the worker's child wrote a log, this process none
    assert engine.job(json.loads(out)["job"]).log


def test_afresh_is_from_nothing_and_not_from_the_live_checkpoint(shell, engine):
    names = [shell.json("train", "quick", *options)["checkpoint"] for options in ([], [], ["--afresh"])]
    with engine.services.database.read() as connection:
        cards = [checkpoints.get(connection, "quick", name).card for name in names]
    assert [card["start"] for card in cards] == [None, "r1", None]
