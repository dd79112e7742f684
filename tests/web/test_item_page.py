"""The page of an item: its labels, its prediction, its history, and its form."""

from __future__ import annotations

import re

import pytest

from nextlabel.engine.records import ItemDetail, ItemSummary
from nextlabel.store.labels import Label
from nextlabel.web.pages.item_page import _current_label, _number

pytestmark = pytest.mark.slow

PAGE = "/projects/digits/pool/"


def page_text(client, item="0"):
    answer = client.get(PAGE + item)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def label(client, who, **content):
    answer = client.post("/labels", json={"annotator": who, "labels": [{"id": "0", **content}]})
    assert answer.status_code == 201


@pytest.fixture
def open_item(client):
    """An item without any label, not even of the data set."""
    return client.get("/items?state=open&limit=1").get_json()["items"][0]["id"]


def test_item_without_labels(client, open_item):
    text = page_text(client, open_item)
    assert "open: no label" in text
    assert "It has no label yet." in text
    assert "%" in text  # the model's probabilities
    assert f'src="/projects/digits/items/{open_item}/image"' in client.get(PAGE + open_item).get_data(as_text=True)


def test_current_labels_and_history(client):
    before = client.get("/items/0").get_json()
    assert before["voices"] == []
    label(client, "ann", candidates=["3", "5"])
    assert "Labelled by ann." in page_text(client)
    label(client, "<b>bob</b>", candidates=["7"])
    label(client, "cleo", skip=True)
    label(client, "dora", candidates=["1"])
    label(client, "dora", retract=True)
    text = page_text(client)
    assert "3, 5 or 7" in text
    assert "disagree" in text
    assert "cleo skipped" in text
    history = text.partition(" History ")[2]
    events = ["3 or 5", "7", "skipped", "1", "retracted"]
    positions = [history.index(f" {event} ") for event in events]
    assert positions == sorted(positions)
    assert len(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", history)) == 5
    assert "<b>" not in client.get(PAGE + "0").get_data(as_text=True)
    label(client, "<b>bob</b>", candidates=["5"])
    assert "intersection" in page_text(client)


def test_hold_out_items_have_a_badge(client):
    items = client.get("/items?limit=1000").get_json()["items"]
    inside = next(item["id"] for item in items if item["holdout"])
    outside = next(item["id"] for item in items if not item["holdout"])
    assert "never used for training" in page_text(client, inside)
    assert "never used for training" not in page_text(client, outside)


def test_small_images_are_drawn_pixel_by_pixel(client, image):
    (name,) = client.post("/items", data=image(300, 200), content_type="image/png").get_json()["ids"]
    text = client.get(PAGE + name).get_data(as_text=True)
    assert 'class="sent"' in text
    assert 'class="sent pixels"' in client.get(PAGE + "0").get_data(as_text=True)


@pytest.mark.parametrize("item", ["no-such", "a/b/c", "..%2f..%2fetc%2fpasswd", "a%00b", "x" * 1001, "%ff"])
def test_unknown_items_are_not_found(client, problem, item):
    problem(client.get(PAGE + item), 404)


def form(client, item="0", query="", **fields):
    return client.post(PAGE + item + query, data=fields)


def checked_boxes(answer):
    return re.findall(r'name="candidate" value="([^"]*)" checked', answer.get_data(as_text=True))


def test_the_form_stores_a_label(client):
    label(client, "ann", candidates=["3"])
    answer = form(client, who="eva", candidate=["5", "9"], action="label", query="?state=labelled&class=3")
    assert answer.status_code == 303
    assert answer.headers["Location"] == PAGE + "0?state=labelled&class=3&who=eva"
    voices = {voice["annotator"]: voice["candidates"] for voice in client.get("/items/0").get_json()["voices"]}
    assert voices == {"ann": ["3"], "eva": ["5", "9"]}
    after = client.get(answer.headers["Location"])
    assert after.status_code == 200
    assert checked_boxes(after) == ["5", "9"]
    assert 'name="who" value="eva"' in after.get_data(as_text=True)
    assert checked_boxes(client.get(PAGE + "0")) == []


def test_the_form_skips_and_retracts(client):
    assert form(client, who="eva", action="skip").status_code == 303
    assert client.get("/items/0").get_json()["voices"] == [{"annotator": "eva", "candidates": None, "value": None}]
    assert form(client, who="eva", action="retract").status_code == 303
    assert client.get("/items/0").get_json()["voices"] == []
    answer = form(client, who="eva", action="retract")
    assert answer.status_code == 422
    assert "no label of yours" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({"who": "", "candidate": ["4", "9"], "action": "label"}, 422, "enter your name"),
        ({"who": "x" * 201, "candidate": ["4", "9"], "action": "label"}, 422, "at most 200 characters"),
        ({"who": "dataset", "candidate": ["4", "9"], "action": "label"}, 422, "is the data set itself"),
        ({"who": "eva", "candidate": ["4", "9", "cat"], "action": "label"}, 422, "no class"),
        ({"who": "eva", "candidate": ["4", "9"], "value": "1", "action": "label"}, 422, "takes candidates, not values"),
        ({"who": "eva", "candidate": ["4", "9"], "value": "much", "action": "label"}, 422, "is not a number"),
        ({"who": "eva", "candidate": ["4", "9"], "value": "nan", "action": "label"}, 422, "is not a number"),
        ({"who": "eva", "candidate": ["4", "9"], "value": "1_5", "action": "label"}, 422, "is not a number"),
        ({"who": "eva", "candidate": ["4", "9"], "value": "1e999", "action": "label"}, 422, "must be finite"),
        ({"who": "eva", "candidate": ["4", "9"], "action": "perhaps"}, 400, "valid: label, skip, retract"),
        ({"who": "eva", "candidate": ["4", "9"]}, 400, "valid: label, skip, retract"),
    ],
)
def test_an_invalid_form_shows_the_error_and_its_content(client, stored, fields, status, reason):
    before = stored()
    answer = form(client, **fields)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    text = answer.get_data(as_text=True)
    (errors,) = re.findall(r'<div id="errors"[^>]*>(.*?)</div>', text)
    assert reason in errors
    assert 'aria-describedby="errors"' in text
    assert checked_boxes(answer) == ["4", "9"]
    assert f'name="who" value="{fields["who"]}"' in text
    assert stored() == before


def test_a_form_without_a_class_is_an_error(client, stored):
    before = stored()
    answer = form(client, who="eva", action="label")
    assert answer.status_code == 422
    assert "choose at least one class" in answer.get_data(as_text=True)
    assert stored() == before


def test_an_unknown_item_cannot_be_labelled(client, problem, stored):
    before = stored()
    problem(form(client, "no-such", who="eva", candidate=["4"], action="label"), 404)
    problem(client.post("/projects/nope/pool/0", data={"who": "eva", "action": "skip"}), 404)
    assert stored() == before
    assert form(client, "0", who="eva", action="skip", query="?x=1").status_code == 422


def test_another_site_cannot_submit_the_form(client, stored):
    before = stored()
    fields = {"who": "eva", "candidate": "4", "action": "label"}
    answer = client.post(PAGE + "0", data=fields, headers={"Origin": "http://x.test"})
    assert answer.status_code == 403
    assert stored() == before


def links(client, address):
    text = client.get(address).get_data(as_text=True)
    return {
        kind: address.replace("&amp;", "&") for address, kind in re.findall(r'href="([^"]*)" rel="(prev|next)"', text)
    }


def test_links_to_the_neighbours_in_the_filter(client):
    for item in ("10", "20", "30"):
        labels = [{"id": item, "candidates": ["3", "5"]}]
        client.post("/labels", json={"annotator": "ann", "labels": labels})
    query = "?annotator=ann&class=5"
    assert links(client, f"{PAGE}20{query}") == {
        "prev": f"{PAGE}10?class=5&annotator=ann",
        "next": f"{PAGE}30?class=5&annotator=ann",
    }
    assert "2 of 3" in page_text(client, f"20{query}")
    assert links(client, f"{PAGE}10{query}") == {"next": f"{PAGE}20?class=5&annotator=ann"}
    assert links(client, f"{PAGE}10{query}&order=newest") == {"prev": f"{PAGE}20?class=5&annotator=ann&order=newest"}
    # the item no longer matches the filter, but still has neighbours that do
    assert links(client, f"{PAGE}15{query}") == {
        "prev": f"{PAGE}10?class=5&annotator=ann",
        "next": f"{PAGE}20?class=5&annotator=ann",
    }
    assert "not among the 3" in page_text(client, f"15{query}")
    assert set(links(client, PAGE + "1")) == {"prev", "next"}
    assert 'href="/projects/digits/pool?class=5&amp;annotator=ann"' in client.get(f"{PAGE}20{query}").get_data(
        as_text=True
    )


def test_filter_by_an_annotator_who_retracted_every_label(client):
    label(client, "eva", candidates=["3"])
    answer = form(client, who="eva", action="retract", query="?annotator=eva")
    assert answer.status_code == 303
    assert client.get(answer.headers["Location"]).status_code == 200
    assert client.get("/projects/digits/pool?annotator=eva").status_code == 200
    assert client.get("/projects/digits/pool?annotator=nobody").status_code == 404


@pytest.mark.parametrize(("value", "shown"), [(1.23456789012, "1.23456789012"), (-0.5, "-0.5"), (12.0, "12")])
def test_the_form_shows_every_digit_of_a_value(value, shown):
    summary = ItemSummary("0", "labelled", False, None, None, value)
    detail = ItemDetail(summary, {"eva": Label(value=value)}, (), None, None)
    assert _current_label(detail, "eva").value == shown
    assert _number(shown) == value


@pytest.mark.parametrize(
    ("text", "value"), [("-1,5", -1.5), ("\N{MINUS SIGN}2.5", -2.5), (" .5 ", 0.5), ("2E-1", 0.2), ("+3.", 3.0)]
)
def test_numbers_are_parsed_as_on_the_labelling_page(text, value):
    assert _number(text) == value
