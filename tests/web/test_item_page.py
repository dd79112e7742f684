"""The page of an item: what it is taken for, by whom, since when."""

from __future__ import annotations

import re

import pytest

PAGE = "/projects/digits/pool/"


def words(client, item="0"):
    answer = client.get(PAGE + item)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def label(client, who, **what):
    answer = client.post("/labels", json={"annotator": who, "labels": [{"id": "0", **what}]})
    assert answer.status_code == 201


@pytest.fixture
def open_item(client):
    """An item nobody has spoken of: the data set's own labels are of others."""
    return client.get("/items?state=open&limit=1").get_json()["items"][0]["id"]


def test_an_item_nobody_spoke_of(client, open_item):
    text = words(client, open_item)
    assert "open: no label" in text
    assert "Nobody has given it a label." in text
    assert "%" in text  # the model's probabilities
    assert f'src="/projects/digits/items/{open_item}/image"' in client.get(PAGE + open_item).get_data(as_text=True)


def test_who_said_what_and_when(client):
    before = client.get("/items/0").get_json()
    assert before["voices"] == []
    label(client, "ann", candidates=["3", "5"])
    assert "This is what ann says." in words(client)
    label(client, "<b>bob</b>", candidates=["7"])
    label(client, "cleo", skip=True)
    label(client, "dora", candidates=["1"])
    label(client, "dora", retract=True)
    text = words(client)
    assert "3, 5 or 7" in text
    assert "disagree" in text
    assert "cleo would rather not say" in text
    history = text.partition("All that was ever said")[2]
    said = ["3 or 5", "7", "skipped it", "1", "took the label back"]
    places = [history.index(f" {words} ") for words in said]
    assert places == sorted(places)
    assert len(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", history)) == 5
    assert "<b>" not in client.get(PAGE + "0").get_data(as_text=True)
    label(client, "<b>bob</b>", candidates=["5"])
    assert "intersection" in words(client)


def test_the_hold_out_is_marked(client):
    items = client.get("/items?limit=1000").get_json()["items"]
    inside = next(item["id"] for item in items if item["holdout"])
    outside = next(item["id"] for item in items if not item["holdout"])
    assert "never trained on" in words(client, inside)
    assert "never trained on" not in words(client, outside)


def test_a_picture_somebody_added(client, picture):
    (name,) = client.post("/items", data=picture(300, 200), content_type="image/png").get_json()["ids"]
    text = client.get(PAGE + name).get_data(as_text=True)
    assert 'class="sent"' in text
    assert 'class="sent pixels"' in client.get(PAGE + "0").get_data(as_text=True)


@pytest.mark.parametrize("item", ["no-such", "a/b/c", "..%2f..%2fetc%2fpasswd", "a%00b", "x" * 1001, "%ff"])
def test_unknown_items(client, problem, item):
    problem(client.get(PAGE + item), 404)
