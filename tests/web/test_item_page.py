"""The page of an item: what it is taken for, by whom, since when."""

from __future__ import annotations

import re

import pytest

from nextlabel.engine.records import ItemDetail, ItemSummary
from nextlabel.store.labels import Label
from nextlabel.web.pages.item import _number, _standing

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


def test_an_image_somebody_added(client, image):
    (name,) = client.post("/items", data=image(300, 200), content_type="image/png").get_json()["ids"]
    text = client.get(PAGE + name).get_data(as_text=True)
    assert 'class="sent"' in text
    assert 'class="sent pixels"' in client.get(PAGE + "0").get_data(as_text=True)


@pytest.mark.parametrize("item", ["no-such", "a/b/c", "..%2f..%2fetc%2fpasswd", "a%00b", "x" * 1001, "%ff"])
def test_unknown_items(client, problem, item):
    problem(client.get(PAGE + item), 404)


def form(client, item="0", query="", **fields):
    return client.post(PAGE + item + query, data=fields)


def chosen(answer):
    """The boxes that are ticked."""
    return re.findall(r'name="candidate" value="([^"]*)" checked', answer.get_data(as_text=True))


def test_what_is_wrong_is_mended_from_here(client):
    label(client, "ann", candidates=["3"])
    answer = form(client, who="eva", candidate=["5", "9"], say="label", query="?state=labelled&class=3")
    assert answer.status_code == 303
    assert answer.headers["Location"] == PAGE + "0?state=labelled&class=3&who=eva"
    voices = {voice["annotator"]: voice["candidates"] for voice in client.get("/items/0").get_json()["voices"]}
    assert voices == {"ann": ["3"], "eva": ["5", "9"]}
    after = client.get(answer.headers["Location"])
    assert after.status_code == 200
    assert chosen(after) == ["5", "9"]
    assert 'name="who" value="eva"' in after.get_data(as_text=True)
    assert chosen(client.get(PAGE + "0")) == []


def test_skipping_and_taking_back(client):
    assert form(client, who="eva", say="skip").status_code == 303
    assert client.get("/items/0").get_json()["voices"] == [{"annotator": "eva", "candidates": None, "value": None}]
    assert form(client, who="eva", say="retract").status_code == 303
    assert client.get("/items/0").get_json()["voices"] == []
    answer = form(client, who="eva", say="retract")
    assert answer.status_code == 422
    assert "no label of yours" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({"who": "", "candidate": ["4", "9"], "say": "label"}, 422, "say who you are"),
        ({"who": "x" * 201, "candidate": ["4", "9"], "say": "label"}, 422, "at most 200 characters"),
        ({"who": "dataset", "candidate": ["4", "9"], "say": "label"}, 422, "is the data set itself"),
        ({"who": "eva", "candidate": ["4", "9", "cat"], "say": "label"}, 422, "no class"),
        ({"who": "eva", "candidate": ["4", "9"], "value": "1", "say": "label"}, 422, "takes candidates, not values"),
        ({"who": "eva", "candidate": ["4", "9"], "value": "much", "say": "label"}, 422, "is not a number"),
        ({"who": "eva", "candidate": ["4", "9"], "value": "nan", "say": "label"}, 422, "is not a number"),
        ({"who": "eva", "candidate": ["4", "9"], "value": "1_5", "say": "label"}, 422, "is not a number"),
        ({"who": "eva", "candidate": ["4", "9"], "value": "1e999", "say": "label"}, 422, "must be finite"),
        ({"who": "eva", "candidate": ["4", "9"], "say": "perhaps"}, 400, "one of label, skip and retract"),
        ({"who": "eva", "candidate": ["4", "9"]}, 400, "one of label, skip and retract"),
    ],
)
def test_a_fault_is_told_and_what_was_chosen_stays(client, stored, fields, status, reason):
    before = stored()
    answer = form(client, **fields)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    text = answer.get_data(as_text=True)
    (told,) = re.findall(r'<div id="faults"[^>]*>(.*?)</div>', text)
    assert reason in told
    assert 'aria-describedby="faults"' in text
    assert chosen(answer) == ["4", "9"]
    assert f'name="who" value="{fields["who"]}"' in text
    assert stored() == before


def test_nothing_chosen_is_told(client, stored):
    before = stored()
    answer = form(client, who="eva", say="label")
    assert answer.status_code == 422
    assert "choose the classes it could be" in answer.get_data(as_text=True)
    assert stored() == before


def test_an_item_that_is_not_there_takes_no_label(client, problem, stored):
    before = stored()
    problem(form(client, "no-such", who="eva", candidate=["4"], say="label"), 404)
    problem(client.post("/projects/nope/pool/0", data={"who": "eva", "say": "skip"}), 404)
    assert stored() == before
    assert form(client, "0", who="eva", say="skip", query="?x=1").status_code == 422


def test_a_foreign_page_cannot_label(client, stored):
    before = stored()
    fields = {"who": "eva", "candidate": "4", "say": "label"}
    answer = client.post(PAGE + "0", data=fields, headers={"Origin": "http://x.test"})
    assert answer.status_code == 403
    assert stored() == before


def links(client, address):
    text = client.get(address).get_data(as_text=True)
    return {
        kind: address.replace("&amp;", "&") for address, kind in re.findall(r'href="([^"]*)" rel="(prev|next)"', text)
    }


def test_it_leads_to_the_items_beside_it_in_the_filter_it_was_opened_from(client):
    for item in ("10", "20", "30"):
        labels = [{"id": item, "candidates": ["3", "5"]}]
        client.post("/labels", json={"annotator": "ann", "labels": labels})
    asked = "?annotator=ann&class=5"
    assert links(client, f"{PAGE}20{asked}") == {
        "prev": f"{PAGE}10?class=5&annotator=ann",
        "next": f"{PAGE}30?class=5&annotator=ann",
    }
    assert "2 of 3" in words(client, f"20{asked}")
    assert links(client, f"{PAGE}10{asked}") == {"next": f"{PAGE}20?class=5&annotator=ann"}
    assert links(client, f"{PAGE}10{asked}&order=newest") == {"prev": f"{PAGE}20?class=5&annotator=ann&order=newest"}
    # it no longer is what was asked for, and still has a place among what is
    assert links(client, f"{PAGE}15{asked}") == {
        "prev": f"{PAGE}10?class=5&annotator=ann",
        "next": f"{PAGE}20?class=5&annotator=ann",
    }
    assert "not among the 3" in words(client, f"15{asked}")
    assert set(links(client, PAGE + "1")) == {"prev", "next"}
    assert 'href="/projects/digits/pool?class=5&amp;annotator=ann"' in client.get(f"{PAGE}20{asked}").get_data(
        as_text=True
    )


def test_who_takes_back_all_they_said_still_finds_the_page_they_filtered_by(client):
    label(client, "eva", candidates=["3"])
    answer = form(client, who="eva", say="retract", query="?annotator=eva")
    assert answer.status_code == 303
    assert client.get(answer.headers["Location"]).status_code == 200
    assert client.get("/projects/digits/pool?annotator=eva").status_code == 200
    assert client.get("/projects/digits/pool?annotator=nobody").status_code == 404


@pytest.mark.parametrize(("value", "shown"), [(1.23456789012, "1.23456789012"), (-0.5, "-0.5"), (12.0, "12")])
def test_a_form_with_a_value_that_is_sent_as_it_is_changes_nothing(value, shown):
    summary = ItemSummary("0", "labelled", False, None, None, value)
    detail = ItemDetail(summary, {"eva": Label(value=value)}, (), None, None)
    assert _standing(detail, "eva").value == shown
    assert _number(shown) == value


@pytest.mark.parametrize(
    ("text", "value"), [("-1,5", -1.5), ("\N{MINUS SIGN}2.5", -2.5), (" .5 ", 0.5), ("2E-1", 0.2), ("+3.", 3.0)]
)
def test_numbers_are_read_as_the_labelling_page_reads_them(text, value):
    assert _number(text) == value
