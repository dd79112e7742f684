"""Every command that takes a project also takes the path of a project file."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from nextlabel.engine.jobs.worker import worker_lock
from nextlabel.engine.scheduling import queue_once
from nextlabel.store import jobs

QUERY = ("--size", "1", "--annotator", "ann")


@pytest.fixture
def mine(quick, quick_folder, tmp_path):
    """The path of a project file outside the projects folder."""
    path = tmp_path / "elsewhere" / "mine.toml"
    path.parent.mkdir()
    path.write_text((quick_folder / "projects" / "quick.toml").read_text().replace("Quick digits", "My digits"))
    return path


def test_the_whole_loop(shell, mine, tmp_path):
    assert shell.json("train", str(mine))["project"] == "mine"
    query = shell.json("query", str(mine), *QUERY)
    assert (query["project"], query["checkpoint"]) == ("mine", "r1")
    item = query["items"][0]["id"]
    assert shell.json("label", str(mine), item, "3", "--annotator", "ann") == {"accepted": 1}
    assert shell.json("predict", str(mine), "--id", item)["checkpoint"] == "r1"
    assert shell.json("evaluate", str(mine))["project"] == "mine"
    labels = tmp_path / "labels.csv"
    assert shell.json("export", str(mine), "--format", "csv", "--out", str(labels))["project"] == "mine"
    assert shell.json("import", str(mine), str(labels))["present"] > 0
    assert shell.json("simulate", str(mine), "--rounds", "0")["project"] == "mine"


def test_a_file_in_this_folder(shell, mine, monkeypatch):
    monkeypatch.chdir(mine.parent)
    assert shell.json("simulate", "mine.toml", "--rounds", "0")["project"] == "mine"
    assert shell.json("simulate", "./mine.toml", "--rounds", "0")["project"] == "mine"


def test_a_file_overrides_the_project_of_its_name(shell, mine):
    other = mine.with_name("quick.toml")
    other.write_text(mine.read_text().replace("initial = 20", "initial = 30"))
    assert shell.json("simulate", "quick", "--rounds", "0")["points"][0]["labels"] == 20
    assert shell.json("simulate", str(other), "--rounds", "0")["points"][0]["labels"] == 30


@pytest.mark.parametrize("command", ["train", "evaluate", "query", "simulate"])
def test_a_missing_file(shell, quick, tmp_path, command):
    message = shell.refused(command, str(tmp_path / "none.toml"), status=2)
    assert message.endswith(f"there is no project file {tmp_path / 'none.toml'}")


def test_a_path_that_is_no_project_file(shell, quick, tmp_path):
    message = shell.refused("train", str(tmp_path), status=2)
    assert message.endswith("is a path, but not that of a project file, which ends in .toml")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("My_Project.toml", '[dataset]\nplugin = "digits"\n', "must be lower-case letters, digits and hyphens"),
        ("broken.toml", "[dataset\n", "project 'broken' (broken.toml) cannot be read: "),
        ("wrong.toml", '[dataset]\nplugin = "digits"\n[learner]\nplugin = "nearestt"\n', "did you mean 'nearest'"),
    ],
)
def test_invalid_files(shell, quick, tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    for command in ("train", "simulate"):
        assert message in shell.refused(command, str(tmp_path / name))


def test_a_worker_that_has_not_read_the_file_is_named(shell, mine, quick, engine):
    files = {"quick": str(mine.with_name("quick.toml")), "mine": str(mine.with_name("other") / "mine.toml")}
    with worker_lock(quick.home, files):
        message = shell.refused("train", str(mine))
        assert f"has not read {mine}; start it with --projects {mine.parent}, stop it, or choose another" in message
        assert shell.json("query", str(mine), *QUERY, "--strategy", "random")["project"] == "mine"
    assert shell.json("train", str(mine))["checkpoint"] == "r1"  # no training was queued before
    assert [job.state for job in engine.jobs()] == ["succeeded"]


def test_a_worker_that_has_read_another_file_of_this_name_is_named(shell, mine, quick, quick_folder):
    other = mine.with_name("quick.toml")
    other.write_text(mine.read_text().replace("initial = 20", "initial = 30"))
    with worker_lock(quick.home, {"quick": str(quick_folder / "projects" / "quick.toml")}):
        for arguments in (["quick", "--projects", str(mine.parent)], [str(other)]):
            assert f"it has not read {other}; start it" in shell.refused("train", *arguments)


def test_a_worker_that_does_not_know_the_project_is_named(shell, mine, quick, quick_folder):
    with worker_lock(quick.home, {"mine": str(mine)}):
        message = shell.refused("train", "quick")
    assert f"start it with --projects {quick_folder / 'projects'}" in message


def test_a_worker_runs_the_job_of_a_file_that_it_has_read(shell, mine, quick, engine):
    held, database = Event(), engine.services.database
    same = mine.with_name("same") / "mine.toml"  # another installation has its own copy
    same.parent.mkdir()
    same.write_bytes(mine.read_bytes())

    def work():
        with worker_lock(quick.home, {"mine": str(same)}):
            held.set()
            while not jobs.unfinished(database):
                time.sleep(0.01)
            with database.write() as connection:
                job = jobs.claim(connection, "worker", ["train"], time.time(), ["mine"])
                jobs.finish(connection, job.id, "worker", "failed", time.time(), error="the worker had no luck")

    with ThreadPoolExecutor() as pool:
        worker = pool.submit(work)
        held.wait()
        assert shell.refused("train", str(mine)).endswith("the worker had no luck")
        worker.result()


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_worker_that_ends_before_the_job_does_not_hold_up_the_command(shell, mine, quick, engine, state):
    held, database = Event(), engine.services.database

    def work():
        with worker_lock(quick.home, {"mine": str(mine)}):
            held.set()
            while not jobs.unfinished(database):
                time.sleep(0.01)
            if state == "running":
                with database.write() as connection:
                    jobs.claim(connection, "worker", ["train"], time.time(), ["mine"])

    with ThreadPoolExecutor() as pool:
        worker = pool.submit(work)
        held.wait()
        if state == "queued":
            assert shell.json("train", str(mine))["checkpoint"] == "r1"
        else:
            assert "the worker that ran it has ended; start the training again" in shell.refused("train", str(mine))
        worker.result()
    assert len(engine.jobs()) == 1


def test_a_command_waits_for_another(shell, mine, quick, engine):
    held = Event()

    def other_command():
        with worker_lock(quick.home):
            held.set()
            time.sleep(1)
            return time.time()

    with ThreadPoolExecutor() as pool:
        other = pool.submit(other_command)
        held.wait()
        number = shell.json("train", str(mine))["job"]
        with engine.services.database.read() as connection:
            assert jobs.get(connection, number).created > other.result()


def test_a_training_of_another_project_file_stays_queued(shell, mine, engine):
    """It was queued by a command with that file, and waits for a process that reads it."""
    number = queue_once(engine.services.database, "mine", "train")
    assert shell.json("train", "quick")["project"] == "quick"
    assert engine.job(number).state == "queued"
    assert shell.json("train", str(mine))["job"] == number


def test_the_card_of_a_checkpoint_names_the_file(shell, mine, tmp_path):
    shell("train", str(mine), "--out", str(tmp_path / "out"))
    command = json.loads((tmp_path / "out" / "card.json").read_text())["command"]
    assert command == "nextlabel train mine.toml --out out"
