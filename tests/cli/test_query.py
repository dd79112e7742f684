"""query, label, predict: --json prints what HTTP returns, under the same keys."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from nextlabel.app import create_app


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
    """The keys of a document, at all levels."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else None


def test_query_prints_what_http_returns(shell, http):
    output = shell.json("query", "quick", "--size", "3")
    answered = http.get("/query?size=3").json
    assert shape(output) == shape(answered)
    assert output["items"] == answered["items"]  # margin draws only among ties
    assert output["query"] == "quick-1"
    assert answered["query"] == "quick-2"


def test_the_data_set_is_imported_before_the_first_query(shell, quick):
    output = shell.json("query", "quick", "--size", "2")
    assert output["checkpoint"] is None
    assert output["remaining"] == 220
    assert [item["suggestion"] for item in output["items"]] == [None, None]


def test_a_query_is_replayed(shell, trained):
    first = shell.json("query", "quick", "--size", "4", "--strategy", "random")
    shell("label", "quick", first["items"][0]["id"], "3", "--annotator", "ann")
    again = shell.json("query", "quick", "--replay", first["query"])
    assert again["items"] == first["items"]
    assert again["seed"] == first["seed"]


def test_items_are_leased_to_one_annotator(shell, trained):
    ann, bob = (
        {item["id"] for item in shell.json("query", "quick", "--annotator", name)["items"]} for name in ("ann", "bob")
    )
    assert len(ann) == len(bob) == 10
    assert not ann & bob


def test_query_as_text(shell, trained):
    output = shell("query", "quick", "--size", "2").stdout
    assert "quick-1: margin, by r1" in output
    assert "0 labels have not been learnt from" in output


def test_predict_prints_what_http_returns(shell, http, image):
    sent = {"data": image.read_bytes(), "content_type": "image/png"}
    assert shell.json("predict", "quick", str(image)) == http.post("/predict", **sent).json
    assert shell.json("predict", "quick", str(image), "--top", "2") == http.post("/predict?top=2", **sent).json


def test_several_predictions_are_a_list(shell, http, image):
    output = shell.json("predict", "quick", str(image), str(image))
    assert [prediction["label"] for prediction in output["predictions"]] == [output["predictions"][0]["label"]] * 2
    assert set(output) == {"project", "checkpoint", "predictions"}
    assert (
        shell.json("predict", "quick", "--id", "7", "--id", "8") == http.post("/predict", json={"ids": ["7", "8"]}).json
    )


def test_more_files_than_a_request_may_hold(shell, trained, image, monkeypatch):
    monkeypatch.setenv("NEXTLABEL_MAX_BATCH", "2")
    assert len(shell.json("predict", "quick", *[str(image)] * 5)["predictions"]) == 5


def test_predict_as_text(shell, trained, image):
    output = shell("predict", "quick", str(image)).stdout
    assert "quick, checkpoint r1" in output
    assert "%" in output


def test_the_file_at_fault_is_named(shell, image, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    assert "notes.txt" in shell.refused("predict", "quick", str(image), str(tmp_path / "notes.txt"))


@pytest.mark.parametrize("arguments", [[], ["--id", "7", "image.png"]])
def test_files_or_ids(shell, quick, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "image.png").touch()
    assert "pass either image files, or items with --id" in shell.refused("predict", "quick", *arguments, status=2)


def test_labels_are_stored(shell, http):
    assert shell.json("label", "quick", "7", "1", "7", "--annotator", "ann") == {"accepted": 1}
    assert shell.json("label", "quick", "8", "--skip", "--annotator", "ann") == {"accepted": 1}
    shell("label", "quick", "9", "9", "--annotator", "ann", "--key", "k")
    shell("label", "quick", "9", "9", "--annotator", "ann", "--key", "k")
    shell("label", "quick", "9", "--retract", "--annotator", "ann")
    rows = [row for row in http.get("/labels").json["labels"] if row["annotator"] == "ann"]
    stored = [{key: row[key] for key in ("id", "candidates", "skip", "retract", "key") if key in row} for row in rows]
    assert stored == [
        {"id": "7", "candidates": ["1", "7"], "key": None},
        {"id": "8", "skip": True, "key": None},
        {"id": "9", "candidates": ["9"], "key": "k"},
        {"id": "9", "retract": True, "key": None},
    ]


def test_label_as_text(shell, trained):
    assert shell("label", "quick", "7", "1", "7", "--annotator", "ann").stdout == "7: 1 or 7\n"


@pytest.mark.parametrize("arguments", [[], ["3", "--skip"], ["--skip", "--retract"], ["3", "--value", "1"]])
def test_a_label_has_exactly_one_form(shell, quick, arguments):
    assert "one of the four" in shell.refused("label", "quick", "7", *arguments, status=2)


def test_a_refused_label_is_a_one_line_error(shell, trained):
    assert "no class 'x'" in shell.refused("label", "quick", "7", "x", "--annotator", "ann")
    assert "there is no item 'zzz'" in shell.refused("label", "quick", "zzz", "3", "--annotator", "ann")
