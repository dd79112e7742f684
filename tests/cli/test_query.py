"""query, label, predict: the commands print what HTTP returns, under the same keys."""

from __future__ import annotations

import time

import pytest
from flask.testing import FlaskClient
from PIL import Image

from nextlabel.app import build_engine, create_app
from nextlabel.cli import foreground_jobs
from nextlabel.engine.jobs.worker import worker_lock
from nextlabel.engine.settings import Settings
from nextlabel.store import jobs, queries

pytestmark = pytest.mark.slow


@pytest.fixture
def http(trained) -> FlaskClient:
    app = create_app(trained)
    yield app.test_client()
    app.extensions["nextlabel"].services.database.dispose()


@pytest.fixture
def image(http, tmp_path):
    path = tmp_path / "an image.png"
    path.write_bytes(http.get("/items/7/image").data)
    return path


def shape(value):
    """Return the nested keys of a document."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else None


def test_query_prints_what_http_returns(shell, http):
    printed = shell.json("query", "quick", "--size", "3")
    returned = http.get("/query?size=3").json
    assert shape(printed) == shape(returned)
    assert printed["items"] == returned["items"]  # margin draws only among ties
    assert printed["query"] == "quick-1"
    assert returned["query"] == "quick-2"


def test_the_data_set_is_imported_before_a_query(shell, quick):
    printed = shell.json("query", "quick", "--size", "2")
    assert printed["checkpoint"] is None
    assert printed["remaining"] == 220
    assert [item["suggestion"] for item in printed["items"]] == [None, None]


def test_a_query_is_replayed(shell, trained):
    first = shell.json("query", "quick", "--size", "4", "--strategy", "random")
    shell("label", "quick", first["items"][0]["id"], "3", "--annotator", "ann")
    again = shell.json("query", "quick", "--replay", first["query"])
    assert again["items"] == first["items"]
    assert again["seed"] == first["seed"]


LATE = '''
"""A strategy that must not run in a web process."""
import numpy as np
from nextlabel.contracts import Strategy, StrategyPlugin, hookimpl

class Late(Strategy):
    def score(self, pool, rng):
        return -np.arange(pool.size, dtype=float)

@hookimpl
def nextlabel_strategies():
    yield StrategyPlugin("late", "in order", Late, in_worker=True)
'''


def test_a_strategy_of_the_worker_runs_in_the_command(shell, quick, distribute, tmp_path, monkeypatch):
    distribute(tmp_path, "late-plugin", late="late")
    (tmp_path / "late.py").write_text(LATE)
    monkeypatch.syspath_prepend(tmp_path)
    first = shell.json("query", "quick", "--size", "3", "--strategy", "late", "--annotator", "ann")
    assert [item["score"] for item in first["items"]] == [0.0, -1.0, -2.0]
    assert shell.json("query", "quick", "--replay", first["query"])["items"] == first["items"]


def test_what_a_query_needs_is_computed_first(shell, trained, distribute, tmp_path, monkeypatch):
    distribute(tmp_path, "late-plugin", late="late_embedded")
    (tmp_path / "late_embedded.py").write_text(LATE.replace("in_worker=True", 'needs=["embeddings"]'))
    monkeypatch.syspath_prepend(tmp_path)
    printed = shell.json("query", "quick", "--strategy", "late", "--size", "2")
    assert [item["score"] for item in printed["items"]] == [0.0, -1.0]
    assert shell.json("query", "quick", "--strategy", "late", "--size", "2")["items"] == printed["items"]


@pytest.fixture
def embedded(trained, distribute, tmp_path, monkeypatch):
    """Install the strategy `late`, which needs embeddings, so that a query waits for a scoring."""
    distribute(tmp_path, "late-plugin", late="late_waiting")
    (tmp_path / "late_waiting.py").write_text(LATE.replace("in_worker=True", 'needs=["embeddings"]'))
    monkeypatch.syspath_prepend(tmp_path)
    return trained


def queued_scoring(settings, strategy="late"):
    """Queue the scoring that a query needs, as a server does, and return its number and the database."""
    database = build_engine(settings).services.database
    app = create_app(settings)
    assert app.test_client().get(f"/query?strategy={strategy}").status_code == 503
    app.extensions["nextlabel"].services.database.dispose()
    (job,) = jobs.unfinished(database)
    return job.id, database


def test_a_scoring_whose_server_was_killed_is_queued_again(shell, embedded):
    number, database = queued_scoring(embedded)
    with database.write() as connection:
        jobs.claim_queued(connection, number, "a killed worker", time.time())
    assert len(shell.json("query", "quick", "--strategy", "late", "--size", "2")["items"]) == 2
    with database.read() as connection:
        states = [job.state for job in jobs.page(connection, "quick", 2)]
    assert states == ["succeeded", "interrupted"]
    database.dispose()


def test_other_scorings_stay_queued(shell, embedded):
    _, database = queued_scoring(embedded)
    with database.write() as connection:
        other = jobs.queue(connection, "sleepy", "score", {}, 0.0)
    shell.json("query", "quick", "--strategy", "late", "--size", "2")
    assert [job.id for job in jobs.unfinished(database)] == [other]
    database.dispose()


def test_no_scoring_is_left_for_a_worker_that_does_not_know_the_project(shell, embedded):
    with worker_lock(embedded.home, {"other": "/other.toml"}):
        assert "has not read" in shell.refused("query", "quick", "--strategy", "late")
    database = build_engine(embedded).services.database
    assert jobs.unfinished(database) == []
    database.dispose()


def test_the_scoring_of_a_server_is_left_to_it(shell, embedded, monkeypatch):
    """Neither a worker that does not know the project nor Ctrl-C cancels it."""
    number, database = queued_scoring(embedded)
    with worker_lock(embedded.home, {"other": "/other.toml"}):
        assert "has not read" in shell.refused("query", "quick", "--strategy", "late")
    monkeypatch.setattr(foreground_jobs.time, "sleep", interrupt)
    for files in ({}, {"quick": str(embedded.projects / "quick.toml")}):
        with worker_lock(embedded.home, files):
            shell("query", "quick", "--strategy", "late", status=1)
        assert [(job.id, job.cancel) for job in jobs.unfinished(database)] == [(number, False)]
    database.dispose()


@pytest.mark.parametrize("worker", [False, True])
def test_ctrl_c_cancels_a_scoring_that_waits(shell, embedded, monkeypatch, worker):
    monkeypatch.setattr(foreground_jobs.time, "sleep", interrupt)
    with worker_lock(embedded.home, {"quick": str(embedded.projects / "quick.toml")} if worker else {}):
        shell("query", "quick", "--strategy", "late", status=1)
    database = build_engine(embedded).services.database
    with database.read() as connection:
        assert [job.state for job in jobs.page(connection, "quick", 1)] == ["cancelled"]
    database.dispose()


def interrupt(_seconds):
    raise KeyboardInterrupt


FAULT = """class Late(Strategy):
    def prepare(self, pool, rng):
        raise ValueError("no luck")
"""


def test_a_job_that_fails_is_the_error_of_the_query(shell, trained, distribute, tmp_path, monkeypatch):
    distribute(tmp_path, "late-plugin", late="late_faulty")
    source = LATE.replace("in_worker=True", 'needs=["embeddings"]')
    (tmp_path / "late_faulty.py").write_text(source.replace("class Late(Strategy):\n", FAULT))
    monkeypatch.syspath_prepend(tmp_path)
    refused = shell("query", "quick", "--strategy", "late", "--out", str(tmp_path / "out"), status=1)
    assert "no luck" in refused.stderr.splitlines()[-1]  # the job's log, with the traceback, is above
    assert refused.stdout == ""
    assert not (tmp_path / "out").exists()


def test_the_images_of_a_query_are_copied(shell, trained, http, tmp_path):
    out = tmp_path / "new" / "out"
    printed = shell.json("query", "quick", "--size", "3", "--out", str(out))
    written = printed.pop("out")
    assert shape(printed) == shape(http.get("/query?size=3").json)
    assert (written["folder"], written["contact_sheet"]) == (str(out), "contact-sheet.png")
    assert written["images"] == [f"{rank:02}-{item['id']}.png" for rank, item in enumerate(printed["items"], 1)]
    assert sorted(path.name for path in out.iterdir()) == sorted([*written["images"], "contact-sheet.png"])
    for name, item in zip(written["images"], printed["items"], strict=True):
        assert (out / name).read_bytes() == http.get(item["url"]).data
    with Image.open(out / "contact-sheet.png") as sheet:
        assert sheet.format == "PNG"
        assert min(sheet.size) > 160
    again = shell.json("query", "quick", "--replay", printed["query"], "--out", str(tmp_path / "again"))
    assert again["out"]["images"] == written["images"]
    shown = shell("query", "quick", "--size", "1", "--out", str(tmp_path / "third")).stdout
    assert f"1 images and contact-sheet.png are in {tmp_path / 'third'}" in shown


def test_no_other_folder_is_replaced(shell, trained, tmp_path):
    out = tmp_path / "out"
    shell("query", "quick", "--size", "2", "--out", str(out))
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert "is not empty" in shell.refused("query", "quick", "--out", str(out))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert shell.json("query", "quick")["query"] == "quick-2"  # the refused query was not created


def test_a_query_that_cannot_be_written_leaves_nothing(shell, trained, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nextlabel.import_export.exporting.query_images.write_contact_sheet", full)
    arguments = ("query", "quick", "--size", "2", "--annotator", "ann", "--out", str(tmp_path / "out"))
    assert "No space left" in shell.refused(*arguments)
    database = build_engine(trained).services.database
    with database.read() as connection:
        assert queries.leases(connection, "quick", time.time()) == []
        assert queries.get(connection, "quick-1") is None
    database.dispose()
    assert not list(tmp_path.glob("**/*contact*"))
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".partial-*"))


def test_items_are_leased_to_an_annotator(shell, trained):
    ann, bob = (
        {item["id"] for item in shell.json("query", "quick", "--annotator", name)["items"]} for name in ("ann", "bob")
    )
    assert len(ann) == len(bob) == 10
    assert not ann & bob


def test_query_prints_a_table(shell, trained):
    printed = shell("query", "quick", "--size", "2").stdout
    assert "quick-1: margin, by r1" in printed
    assert "0 labels are not trained on yet" in printed
    shell("label", "quick", "7", "7", "--annotator", "ann")
    assert "1 label is not trained on yet" in shell("query", "quick", "--size", "2").stdout


def test_predict_prints_what_http_returns(shell, http, image):
    sent = {"data": image.read_bytes(), "content_type": "image/png"}
    assert shell.json("predict", "quick", str(image)) == http.post("/predict", **sent).json
    assert shell.json("predict", "quick", str(image), "--top", "2") == http.post("/predict?top=2", **sent).json


def test_several_predictions_are_a_list(shell, http, image):
    printed = shell.json("predict", "quick", str(image), str(image))
    assert [prediction["label"] for prediction in printed["predictions"]] == [printed["predictions"][0]["label"]] * 2
    assert set(printed) == {"project", "checkpoint", "predictions"}
    assert (
        shell.json("predict", "quick", "--id", "7", "--id", "8") == http.post("/predict", json={"ids": ["7", "8"]}).json
    )


def test_predict_splits_more_images_than_a_request_holds(shell, trained, image, monkeypatch):
    monkeypatch.setenv("NEXTLABEL_MAX_BATCH", "2")
    assert len(shell.json("predict", "quick", *[str(image)] * 5)["predictions"]) == 5


def test_predict_prints_a_table(shell, trained, image):
    printed = shell("predict", "quick", str(image)).stdout
    assert "quick, checkpoint r1" in printed
    assert "%" in printed


def test_an_unreadable_file_is_named(shell, image, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    assert "notes.txt" in shell.refused("predict", "quick", str(image), str(tmp_path / "notes.txt"))


@pytest.mark.parametrize("arguments", [[], ["--id", "7", "image.png"]])
def test_predict_takes_either_files_or_ids(shell, quick, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "image.png").touch()
    assert "pass either image files, or items with --id" in shell.refused("predict", "quick", *arguments, status=2)


def test_a_file_that_does_not_exist_may_be_an_id(shell, quick):
    message = shell.refused("predict", "quick", "1708", status=2)
    assert "there is no file '1708'; an item of the pool is named by --id" in message


def test_labels_are_stored(shell, http):
    assert shell.json("label", "quick", "7", "1", "7", "--annotator", "ann") == {"accepted": 1}
    assert shell.json("label", "quick", "8", "--skip", "--annotator", "ann") == {"accepted": 1}
    shell("label", "quick", "9", "9", "--annotator", "ann", "--key", "k")
    shell("label", "quick", "9", "9", "--annotator", "ann", "--key", "k")
    shell("label", "quick", "9", "--retract", "--annotator", "ann")
    rows = [row for row in http.get("/labels").json["labels"] if row["annotator"] == "ann"]
    contents = [{key: row[key] for key in ("id", "candidates", "skip", "retract", "key") if key in row} for row in rows]
    assert contents == [
        {"id": "7", "candidates": ["1", "7"], "key": None},
        {"id": "8", "skip": True, "key": None},
        {"id": "9", "candidates": ["9"], "key": "k"},
        {"id": "9", "retract": True, "key": None},
    ]


def test_label_prints_one_line(shell, trained):
    assert shell("label", "quick", "7", "1", "7", "--annotator", "ann").stdout == "7: 1 or 7\n"


@pytest.mark.parametrize("arguments", [[], ["3", "--skip"], ["--skip", "--retract"], ["3", "--value", "1"]])
def test_a_label_has_exactly_one_content(shell, quick, arguments):
    assert "one of the four" in shell.refused("label", "quick", "7", *arguments, status=2)


def test_a_rejected_label_prints_one_line(shell, trained):
    assert "no class 'x'" in shell.refused("label", "quick", "7", "x", "--annotator", "ann")
    assert "there is no item 'zzz'" in shell.refused("label", "quick", "zzz", "3", "--annotator", "ann")


@pytest.mark.parametrize("dataset", ['{plugin = "folder", path = "none"}', '{plugin = "mnist"}'])
def test_a_query_of_an_empty_pool_names_the_ways_to_fill_it(shell, quick, tmp_path, monkeypatch, dataset):
    """A bundled checkpoint without its data set and without a sample."""
    shell("train", "quick", "--out", str(tmp_path / "trained" / "quick" / "tiny"))
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "quick.toml").write_text(
        f'dataset = {dataset}\nlearner = {{plugin = "nearest"}}\nstrategy = {{plugin = "margin"}}\n'
    )
    monkeypatch.setenv("NEXTLABEL_PROJECTS", str(tmp_path / "projects"))
    monkeypatch.setenv("NEXTLABEL_TRAINED", str(tmp_path / "trained"))
    monkeypatch.setenv("NEXTLABEL_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("NEXTLABEL_DATA", str(tmp_path / "data"))
    printed = shell("query", "quick").stdout
    for way in ("the pool page", "POST /items", "NEXTLABEL_DATA"):
        assert way in printed
    assert ("`nextlabel download quick`" in printed) == ("mnist" in dataset)
    hint = shell.json("query", "quick")["hint"]
    assert hint in printed
    app = create_app(Settings.from_environment())
    assert app.test_client().get("/query").json["hint"] == hint
    app.extensions["nextlabel"].services.database.dispose()
