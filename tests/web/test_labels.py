from __future__ import annotations

import csv
import io
import json

import pytest

ANN = {"annotator": "ann"}


def submit(client, *labels, **more):
    return client.post("/labels", json={**ANN, "labels": list(labels), **more})


def by_annotators(client):
    rows = client.get("/labels").get_json()["labels"]
    return [row for row in rows if row["annotator"] != "dataset"]


def test_every_kind_of_label_is_stored_and_listed(client):
    answer = submit(
        client,
        {"id": "0", "candidates": ["3"]},
        {"id": "1", "candidates": ["5", "3"]},
        {"id": "2", "skip": True},
        key="k",
    )
    assert answer.status_code == 201
    assert answer.get_json() == {"accepted": 3}
    assert submit(client, {"id": "0", "retract": True}).status_code == 201
    rows = by_annotators(client)
    assert [{key: row[key] for key in row if key not in ("time", "annotator")} for row in rows] == [
        {"id": "0", "candidates": ["3"], "key": "k"},
        {"id": "1", "candidates": ["3", "5"], "key": "k"},
        {"id": "2", "skip": True, "key": "k"},
        {"id": "0", "retract": True, "key": None},
    ]
    assert all(row["annotator"] == "ann" and row["time"] > 1e9 for row in rows)


def test_the_same_key_and_body_are_stored_once(client, refused, stored):
    label = {"id": "0", "candidates": ["3"]}
    first = submit(client, label, key="k")
    before = stored()
    again = submit(client, label, key="k")
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    assert stored() == before
    assert "'k'" in refused(lambda: submit(client, {"id": "0", "candidates": ["4"]}, key="k"), 409)["detail"]


def test_all_invalid_labels_are_listed_and_none_is_stored(client, refused):
    faults = refused(
        lambda: submit(
            client,
            {"id": "0", "candidates": ["3"]},
            {"id": "1", "candidates": ["three", "4"]},
            {"id": "no-such", "skip": True},
            {"id": "2", "value": 1.5},
            {"id": "3", "retract": True},
            {"id": "4", "candidates": ["1", "1"]},
        ),
        422,
    )["faults"]
    assert [fault.partition(":")[0] for fault in faults] == [f"labels[{number}]" for number in range(1, 6)]


def test_the_annotator_name_dataset_is_reserved(client, refused):
    body = {"annotator": "dataset", "labels": [{"id": "0", "skip": True}]}
    refused(lambda: client.post("/labels", json=body), 422)


WRONG = {
    "no annotator": ({"labels": [{"id": "0", "skip": True}]}, "annotator"),
    "an empty annotator": ({"annotator": "", "labels": [{"id": "0", "skip": True}]}, "annotator"),
    "a NUL": ({"annotator": "a\0", "labels": [{"id": "0", "skip": True}]}, "annotator"),
    "a line break": ({"annotator": "a\nb", "labels": [{"id": "0", "skip": True}]}, "annotator"),
    "a long annotator": ({"annotator": "a" * 201, "labels": [{"id": "0", "skip": True}]}, "annotator"),
    "an annotator that is no text": ({"annotator": 3, "labels": [{"id": "0", "skip": True}]}, "annotator"),
    "no labels": ({**ANN}, "labels"),
    "an empty list": ({**ANN, "labels": []}, "labels"),
    "an object": ({**ANN, "labels": {"id": "0", "skip": True}}, "labels"),
    "an empty key": ({**ANN, "labels": [{"id": "0", "skip": True}], "key": ""}, "key"),
    "a key that is no text": ({**ANN, "labels": [{"id": "0", "skip": True}], "key": 1}, "key"),
    "a misspelt field": ({**ANN, "labels": [{"id": "0", "skip": True}], "kye": "k"}, "kye"),
    "no content": ({**ANN, "labels": [{"id": "0"}]}, "labels[0]"),
    "two contents": ({**ANN, "labels": [{"id": "0", "skip": True, "value": 1}]}, "labels[0]"),
    "a false skip": ({**ANN, "labels": [{"id": "0", "skip": False}]}, "labels[0].skip"),
    "no id": ({**ANN, "labels": [{"skip": True}]}, "labels[0].id"),
    "an id that is no text": ({**ANN, "labels": [{"id": 0, "skip": True}]}, "labels[0].id"),
    "no candidates": ({**ANN, "labels": [{"id": "0", "candidates": []}]}, "labels[0].candidates"),
    "a word": ({**ANN, "labels": [{"id": "0", "candidates": "3"}]}, "labels[0].candidates"),
    "a number": ({**ANN, "labels": [{"id": "0", "candidates": [3]}]}, "labels[0].candidates[0]"),
    "a value that is text": ({**ANN, "labels": [{"id": "0", "value": "1.5"}]}, "labels[0].value"),
    "a value that is a boolean": ({**ANN, "labels": [{"id": "0", "value": True}]}, "labels[0].value"),
    "a list": ([], ""),
}


@pytest.mark.parametrize(("body", "field"), WRONG.values(), ids=WRONG)
def test_an_invalid_body_is_unprocessable_and_names_the_field(client, refused, body, field):
    (fault,) = refused(lambda: client.post("/labels", data=json.dumps(body), content_type="application/json"), 422)[
        "faults"
    ]
    assert fault.startswith(f"{field}: " if field else "Input")


@pytest.mark.parametrize("body", [b"", b"{", b'{"annotator": "a\xff"}', b"\xef\xbb\xbf{}", b"NaN"])
def test_a_body_that_is_not_json_is_a_bad_request(client, refused, body):
    refused(lambda: client.post("/labels", data=body, content_type="application/json"), 400)


def test_only_json_is_accepted(client, refused):
    body = json.dumps({**ANN, "labels": [{"id": "0", "skip": True}]})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", ""):
        refused(lambda kind=kind: client.post("/labels", data=body, content_type=kind), 415)
    assert client.post("/labels", data=body, content_type="application/vnd.x+json; charset=utf-8").status_code == 201


def test_more_labels_than_allowed_are_rejected(build, refused):
    client = build(max_labels=2).test_client()
    labels = [{"id": str(number), "skip": True} for number in range(3)]
    assert "2 labels" in refused(lambda: submit(client, *labels), 413)["detail"]
    refused(lambda: client.post("/labels", data=b" " * 16_000_001, content_type="application/json"), 413)


def test_the_history_is_the_same_in_every_format(client):
    assert (
        submit(client, {"id": "0", "candidates": ["3", "5"]}, {"id": "1", "skip": True}, key="a,b").status_code == 201
    )
    body = client.get("/labels?format=json").get_json()
    assert body["project"] == "digits"
    lines = client.get("/labels?format=jsonl")
    assert lines.content_type == "application/jsonl"
    assert [json.loads(line) for line in lines.get_data(as_text=True).splitlines()] == body["labels"]
    table = client.get("/projects/digits/labels?format=csv")
    assert table.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(table.get_data(as_text=True), newline="")))
    assert [_row(row) for row in rows] == body["labels"]


def _row(row):
    content = {"candidates": json.loads} if row["candidates"] else {"skip": json.loads}
    parsers = {"id": str, "annotator": str, **content, "time": float}
    return {name: parse(row[name]) for name, parse in parsers.items()} | {"key": row["key"] or None}


def test_head_and_wrong_formats(client, refused):
    head = client.head("/labels")
    assert (head.status_code, head.data, head.content_type) == (200, b"", "application/json")
    refused(lambda: client.get("/labels?format=xml"), 422)
    refused(lambda: client.get("/projects/nope/labels"), 404)
