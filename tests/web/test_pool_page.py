"""The pool's page: what it shows of what it is asked for, and the form that adds to it."""

from __future__ import annotations

import io
import re

import pytest

PAGE = "/projects/digits/pool"


@pytest.fixture
def said(client):
    """Something of every kind that can be said: of items outside the hold-out, by what it is."""
    free = [item["id"] for item in client.get("/items?state=open&limit=100").get_json()["items"] if not item["holdout"]]
    names = dict(zip(("full", "partial", "skipped", "disputed", "retracted"), free, strict=False))

    def say(who, name, **what):
        answer = client.post("/labels", json={"annotator": who, "labels": [{"id": names[name], **what}]})
        assert answer.status_code == 201

    say("ann", "full", candidates=["3"])
    say("ann", "partial", candidates=["3", "5"])
    say("ann", "skipped", skip=True)
    say("ann", "disputed", candidates=["3"])
    say("bob", "disputed", candidates=["7"])
    say("bob", "retracted", candidates=["7"])
    say("bob", "retracted", retract=True)
    return names


def page(client, query=""):
    answer = client.get(f"{PAGE}?{query}")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def shown(client, query=""):
    """The ids on a page, and the address each leads to."""
    return dict(
        re.findall(r'<li>\s*<a href="([^"]*)">.*?<small class="id">([^<]*)</small>', page(client, query), re.DOTALL)
    )


def ids(client, query=""):
    return list(shown(client, query).values())


def states(text):
    """The count of each state."""
    part = re.search(r'<nav class="states".*?</nav>', text, re.DOTALL)[0]
    return {name: int(count.replace(",", "")) for name, count in re.findall(r">\s*(\w+) <span>([\d,]+)</span>", part)}


def test_each_state_shows_its_items_and_counts_them(client, said):
    counts = states(page(client))
    assert list(counts) == ["All", "Open", "Partial", "Disputed", "Labelled", "Skipped"]
    assert counts["All"] == 1797
    assert counts["Labelled"] == 21
    assert counts["All"] == counts["Open"] + counts["Labelled"] + counts["Skipped"]
    assert ids(client, "state=partial") == [said["partial"], said["disputed"]]
    assert ids(client, "state=contested") == [said["disputed"]]
    assert ids(client, "state=skipped") == [said["skipped"]]
    assert (counts["Partial"], counts["Disputed"], counts["Skipped"]) == (2, 1, 1)
    assert said["full"] in ids(client, "state=labelled")
    assert len(ids(client, "state=labelled")) == 21
    assert {said["full"], said["skipped"]}.isdisjoint(ids(client, "state=open"))


def test_a_set_is_told_in_words(client, said):
    text = page(client, "state=partial")
    assert "<strong>3 or 5</strong>" in text
    assert "<strong>3 or 7</strong>" in text


def test_by_class_and_by_annotator(client, said):
    assert set(ids(client, "class=5&annotator=ann")) == {said["partial"]}
    assert set(ids(client, "class=3&annotator=ann")) == {said["full"], said["partial"], said["disputed"]}
    assert ids(client, "class=3&annotator=ann&state=labelled") == [said["full"]]
    assert ids(client, "annotator=bob") == [said["disputed"]]
    text = page(client, "class=3")
    assert '<option value="ann">ann (3)</option>' in text
    assert '<option value="3" selected>' in text
    # what each choice would show, the others staying as they are
    assert states(page(client, "class=3&annotator=ann")) == {
        "All": 3, "Open": 2, "Partial": 2, "Disputed": 1, "Labelled": 1, "Skipped": 0,
    }  # fmt: skip
    assert '<option value="5">5 (1)</option>' in page(client, "class=3&annotator=ann")


def test_the_hold_out(client):
    everything = {item["id"]: item["holdout"] for item in client.get("/items?limit=1000").get_json()["items"]}
    held = ids(client, "holdout=yes")
    assert len(held) == 60
    assert all(everything[item] for item in held)
    assert not any(everything[item] for item in ids(client, "holdout=no"))
    assert "only the hold-out (359)" in page(client)
    assert '<span class="mark">hold-out</span>' in page(client, "holdout=yes")
    assert '<span class="mark">hold-out</span>' not in page(client, "holdout=no")


def test_by_the_models_guess_and_where_it_disagrees(client, said):
    for item in ids(client, "guess=7"):
        assert client.get(f"/items/{item}").get_json()["prediction"]["label"] == "7"
    prediction = client.get(f"/items/{said['full']}").get_json()["prediction"]["label"]
    differing = ids(client, "differs=1&annotator=ann")
    assert (said["full"] in differing) == (prediction != "3")
    for item in differing:
        detail = client.get(f"/items/{item}").get_json()
        assert detail["prediction"]["label"] not in detail["candidates"]
    assert said["skipped"] not in differing
    wrong = next(name for name in "0123456789" if name != prediction)
    labels = [{"id": said["full"], "candidates": [wrong]}]
    client.post("/labels", json={"annotator": "ann", "labels": labels})
    assert said["full"] in ids(client, "differs=1&state=labelled")


def test_by_a_part_of_the_id(client):
    assert ids(client, "q=179") == ["179", "1179", *(str(number) for number in range(1790, 1797))]
    assert ids(client, "q=x") == []
    assert "Nothing is like that" in page(client, "q=x")
    # no letter of it is a pattern
    assert ids(client, "q=1_9") == ids(client, "q=%25") == []
    assert 'value="&lt;b&gt;"' in page(client, "q=<b>")
    assert ids(client, "q=17&annotator=dataset&state=labelled") == [
        item for item in ids(client, "annotator=dataset&state=labelled") if "17" in item
    ]


@pytest.mark.parametrize("order", ["", "newest"])
def test_page_by_page_there_and_back(client, order):
    def follow(rel):
        text = page(client, query)
        found = re.search(rf'rel="{rel}" href="{PAGE}\?([^"]*)"', text)
        return None if found is None else found[1].replace("&amp;", "&")

    query = f"q=1&order={order}"
    there, queries = [], []
    while query is not None:
        assert query not in queries
        queries.append(query)
        there.append(ids(client, query))
        query = follow("next")
    expected = [str(number) for number in range(1797) if "1" in str(number)]
    assert [item for some in there for item in some] == (expected[::-1] if order else expected)
    assert {len(some) for some in there[:-1]} == {60}
    query = queries[-1]
    back = []
    while query is not None:
        back.append(ids(client, query))
        query = follow("prev")
    assert back[::-1] == there


def test_the_range_is_told(client):
    assert "1\u201360 of 1,797" in page(client)
    assert "61\u2013120 of 1,797" in page(client, "after=59")
    assert "1\u201360 of 1,797" in page(client, "before=60")


def test_an_item_is_opened_with_the_filter(client, said):
    (address,) = shown(client, "state=contested&annotator=bob&q=&class=")
    assert address == f"{PAGE}/{said['disputed']}?state=contested&amp;annotator=bob"
    assert client.get(address.replace("&amp;", "&")).status_code == 200


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("state=new", 422, "state"),
        ("page=2", 422, "page"),
        ("class=cat", 404, "no class is called"),
        ("guess=cat", 404, "no class is called"),
        ("annotator=nobody", 404, "no annotator is called"),
        ("after=no-such", 404, "no item"),
        ("holdout=perhaps", 422, "holdout"),
        ("q=a%00b", 422, "q"),
    ],
)
def test_what_makes_no_sense_is_told(client, query, status, reason):
    answer = client.get(f"{PAGE}?{query}", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert reason in answer.get_data(as_text=True)


def test_a_form_with_nothing_in_it_shows_everything(client):
    assert ids(client, "q=&class=&annotator=&holdout=&guess=&order=") == [str(number) for number in range(60)]


def send(client, *blobs):
    files = [(io.BytesIO(blob), f"image {number}.png") for number, blob in enumerate(blobs)]
    return client.post(PAGE, data={"image": files})


def told(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def test_the_form_adds_what_is_good_and_names_what_is_not(client, image):
    assert send(client, image(seed=1)).status_code == 200
    answer = send(client, image(seed=1), image(seed=2), b"a shopping list")
    assert answer.status_code == 200
    assert "1 added , 1 already there, 1 refused." in told(answer)
    assert "image 2.png : this is text" in told(answer)
    assert len(ids(client, "order=newest")) == 60
    kept = client.get("/items?limit=1000&after=1796").get_json()["items"]
    assert len(kept) == 2
    assert ids(client, "order=newest")[0] == kept[-1]["id"]


def test_what_cannot_be_added_at_all(client, stored, image):
    before = stored()
    answer = send(client, b"a shopping list")
    assert answer.status_code == 415
    assert "this is text" in told(answer)
    answer = client.post(PAGE, data={"other": (io.BytesIO(b"x"), "x")})
    assert answer.status_code == 400
    assert "no image" in told(answer)
    answer = send(client, *[image(seed=seed) for seed in range(5)])
    assert answer.status_code == 413
    assert "at most 4 images" in told(answer)
    assert stored() == before


def test_a_project_that_is_not_there(client, problem):
    problem(client.get("/projects/nope/pool"), 404)
    problem(client.post("/projects/nope/pool", data={}), 404)


def test_an_image_as_the_body_itself_is_as_good(client, image):
    assert "1 added" in client.post(PAGE, data=image(), content_type="image/png").get_data(as_text=True)
    answer = client.post(PAGE, data=b"GIF89a", content_type="image/gif")
    assert answer.status_code == 415
    assert "the image</strong>: the format of this file is GIF" in answer.get_data(as_text=True)
