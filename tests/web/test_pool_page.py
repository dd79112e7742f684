"""The pool page: its filters, its pages, and its upload form."""

from __future__ import annotations

import io
import re

import pytest

pytestmark = pytest.mark.slow

PAGE = "/projects/digits/pool"


@pytest.fixture
def labelled(client):
    """Items outside the hold-out with a label of each kind, by kind."""
    free = [item["id"] for item in client.get("/items?state=open&limit=100").get_json()["items"] if not item["holdout"]]
    names = dict(zip(("full", "partial", "skipped", "disputed", "retracted"), free, strict=False))

    def label(annotator, name, **content):
        answer = client.post("/labels", json={"annotator": annotator, "labels": [{"id": names[name], **content}]})
        assert answer.status_code == 201

    label("ann", "full", candidates=["3"])
    label("ann", "partial", candidates=["3", "5"])
    label("ann", "skipped", skip=True)
    label("ann", "disputed", candidates=["3"])
    label("bob", "disputed", candidates=["7"])
    label("bob", "retracted", candidates=["7"])
    label("bob", "retracted", retract=True)
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


def test_filter_by_state(client, labelled):
    counts = states(page(client))
    assert list(counts) == ["All", "Open", "Partial", "Disputed", "Labelled", "Skipped"]
    assert counts["All"] == 1797
    assert counts["Labelled"] == 21
    assert counts["All"] == counts["Open"] + counts["Labelled"] + counts["Skipped"]
    assert ids(client, "state=partial") == [labelled["partial"], labelled["disputed"]]
    assert ids(client, "state=contested") == [labelled["disputed"]]
    assert ids(client, "state=skipped") == [labelled["skipped"]]
    assert (counts["Partial"], counts["Disputed"], counts["Skipped"]) == (2, 1, 1)
    assert labelled["full"] in ids(client, "state=labelled")
    assert len(ids(client, "state=labelled")) == 21
    assert {labelled["full"], labelled["skipped"]}.isdisjoint(ids(client, "state=open"))


def test_partial_labels_are_shown(client, labelled):
    text = page(client, "state=partial")
    assert "<strong>3 or 5</strong>" in text
    assert "<strong>3 or 7</strong>" in text


def test_filter_by_class_and_annotator(client, labelled):
    assert set(ids(client, "class=5&annotator=ann")) == {labelled["partial"]}
    assert set(ids(client, "class=3&annotator=ann")) == {labelled["full"], labelled["partial"], labelled["disputed"]}
    assert ids(client, "class=3&annotator=ann&state=labelled") == [labelled["full"]]
    assert ids(client, "annotator=bob") == [labelled["disputed"]]
    text = page(client, "class=3")
    assert '<option value="ann">ann (3)</option>' in text
    assert '<option value="3" selected>' in text
    # the count of each choice, with the other filters unchanged
    assert states(page(client, "class=3&annotator=ann")) == {
        "All": 3, "Open": 2, "Partial": 2, "Disputed": 1, "Labelled": 1, "Skipped": 0,
    }  # fmt: skip
    assert '<option value="5">5 (1)</option>' in page(client, "class=3&annotator=ann")


def test_filter_by_hold_out(client):
    everything = {item["id"]: item["holdout"] for item in client.get("/items?limit=1000").get_json()["items"]}
    held = ids(client, "holdout=yes")
    assert len(held) == 60
    assert all(everything[item] for item in held)
    assert not any(everything[item] for item in ids(client, "holdout=no"))
    assert "only hold-out items (359)" in page(client)
    assert '<span class="badge">hold-out</span>' in page(client, "holdout=yes")
    assert '<span class="badge">hold-out</span>' not in page(client, "holdout=no")


def test_filter_by_predicted_class_and_disagreement(client, labelled):
    for item in ids(client, "guess=7"):
        assert client.get(f"/items/{item}").get_json()["prediction"]["label"] == "7"
    prediction = client.get(f"/items/{labelled['full']}").get_json()["prediction"]["label"]
    differing = ids(client, "differs=1&annotator=ann")
    assert (labelled["full"] in differing) == (prediction != "3")
    for item in differing:
        detail = client.get(f"/items/{item}").get_json()
        assert detail["prediction"]["label"] not in detail["candidates"]
    assert labelled["skipped"] not in differing
    wrong = next(name for name in "0123456789" if name != prediction)
    labels = [{"id": labelled["full"], "candidates": [wrong]}]
    client.post("/labels", json={"annotator": "ann", "labels": labels})
    assert labelled["full"] in ids(client, "differs=1&state=labelled")


def test_filter_by_part_of_the_id(client):
    assert ids(client, "q=179") == ["179", "1179", *(str(number) for number in range(1790, 1797))]
    assert ids(client, "q=x") == []
    assert "No item matches." in page(client, "q=x")
    # wildcards of SQL are ordinary characters
    assert ids(client, "q=1_9") == ids(client, "q=%25") == []
    assert 'value="&lt;b&gt;"' in page(client, "q=<b>")
    assert ids(client, "q=17&annotator=dataset&state=labelled") == [
        item for item in ids(client, "annotator=dataset&state=labelled") if "17" in item
    ]


@pytest.mark.parametrize("order", ["", "newest"])
def test_next_and_previous_pages(client, order):
    def follow(rel):
        text = page(client, query)
        match = re.search(rf'rel="{rel}" href="{PAGE}\?([^"]*)"', text)
        return None if match is None else match[1].replace("&amp;", "&")

    query = f"q=1&order={order}"
    forward, queries = [], []
    while query is not None:
        assert query not in queries
        queries.append(query)
        forward.append(ids(client, query))
        query = follow("next")
    expected = [str(number) for number in range(1797) if "1" in str(number)]
    assert [item for page_ids in forward for item in page_ids] == (expected[::-1] if order else expected)
    assert {len(page_ids) for page_ids in forward[:-1]} == {60}
    query = queries[-1]
    back = []
    while query is not None:
        back.append(ids(client, query))
        query = follow("prev")
    assert back[::-1] == forward


def test_the_range_of_the_page_is_shown(client):
    assert "1\u201360 of 1,797" in page(client)
    assert "61\u2013120 of 1,797" in page(client, "after=59")
    assert "1\u201360 of 1,797" in page(client, "before=60")


def test_item_links_include_the_filter(client, labelled):
    (address,) = shown(client, "state=contested&annotator=bob&q=&class=")
    assert address == f"{PAGE}/{labelled['disputed']}?state=contested&amp;annotator=bob"
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
def test_invalid_filters_are_errors(client, query, status, reason):
    answer = client.get(f"{PAGE}?{query}", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert reason in answer.get_data(as_text=True)


def test_an_empty_filter_shows_everything(client):
    assert ids(client, "q=&class=&annotator=&holdout=&guess=&order=") == [str(number) for number in range(60)]


def send(client, *blobs):
    files = [(io.BytesIO(blob), f"image {number}.png") for number, blob in enumerate(blobs)]
    return client.post(PAGE, data={"image": files})


def page_text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def test_upload_adds_valid_images_and_lists_rejected_ones(client, image):
    assert send(client, image(seed=1)).status_code == 200
    answer = send(client, image(seed=1), image(seed=2), b"a shopping list")
    assert answer.status_code == 200
    assert "1 added , 1 already in the pool, 1 rejected." in page_text(answer)
    assert "image 2.png : this is text" in page_text(answer)
    assert len(ids(client, "order=newest")) == 60
    added = client.get("/items?limit=1000&after=1796").get_json()["items"]
    assert len(added) == 2
    assert ids(client, "order=newest")[0] == added[-1]["id"]


def test_an_upload_without_valid_images_is_an_error(client, stored, image):
    before = stored()
    answer = send(client, b"a shopping list")
    assert answer.status_code == 415
    assert "this is text" in page_text(answer)
    answer = client.post(PAGE, data={"other": (io.BytesIO(b"x"), "x")})
    assert answer.status_code == 400
    assert "no image" in page_text(answer)
    answer = send(client, *[image(seed=seed) for seed in range(5)])
    assert answer.status_code == 413
    assert "at most 4 images" in page_text(answer)
    assert stored() == before


def test_an_unknown_project_is_not_found(client, problem):
    problem(client.get("/projects/nope/pool"), 404)
    problem(client.post("/projects/nope/pool", data={}), 404)


def test_an_image_as_request_body_is_added(client, image):
    assert "1 added" in client.post(PAGE, data=image(), content_type="image/png").get_data(as_text=True)
    answer = client.post(PAGE, data=b"GIF89a", content_type="image/gif")
    assert answer.status_code == 415
    assert "the image</strong>: the format of this file is GIF" in answer.get_data(as_text=True)
