from __future__ import annotations

import io

import pytest


def test_images_are_added_once_and_scoring_is_queued(client, image):
    one, two = image(seed=1), image(kind="JPEG", seed=2)
    files = {"image": [(io.BytesIO(blob), "x") for blob in (one, two, one)]}
    response = client.post("/items", data=files)
    assert response.status_code == 201
    first, second, again = response.get_json()["ids"]
    assert first == again != second
    assert response.get_json()["new"] == [True, True, False]
    again = client.post("/items", data=two, content_type="image/jpeg").get_json()
    assert again == {"ids": [second], "new": [False]}
    stored = client.get(f"/items/{second}/image")
    assert (stored.data, stored.content_type) == (two, "image/jpeg")
    assert "private" in stored.headers["Cache-Control"]
    assert "sandbox" in stored.headers["Content-Security-Policy"]
    assert [job["kind"] for job in client.get("/jobs?limit=1").get_json()["jobs"]] == ["score"]


def test_the_pool_is_listed_in_pages(client):
    page = client.get("/items?limit=2").get_json()
    assert [item["id"] for item in page["items"]] == ["0", "1"]
    assert page["project"] == "digits"
    assert set(page["items"][0]) == {"id", "url", "state", "holdout", "media_type", "candidates", "value"}
    following = client.get(f"/projects/digits/items?limit=1000&after={page['after']}").get_json()
    assert following["items"][0]["id"] == "2"
    last = client.get(f"/items?limit=1000&after={following['after']}").get_json()
    assert last["after"] is None


def test_the_pool_is_listed_by_state(client):
    labels = [{"id": "0", "candidates": ["3"]}, {"id": "1", "skip": True}, {"id": "2", "candidates": ["1", "2"]}]
    client.post("/labels", json={"annotator": "ann", "labels": labels})

    def listed(state):
        return [item["id"] for item in client.get(f"/items?limit=1000&state={state}").get_json()["items"]]

    assert "0" in listed("labelled")
    assert listed("skipped") == ["1"]
    assert {"0", "1"}.isdisjoint(listed("open"))
    assert "2" in listed("open")


def test_an_item_has_current_labels_and_history(client):
    client.post("/labels", json={"annotator": "ann", "labels": [{"id": "0", "candidates": ["3", "5"]}]})
    client.post("/labels", json={"annotator": "bob", "labels": [{"id": "0", "candidates": ["5"]}]})
    client.post("/labels", json={"annotator": "cleo", "labels": [{"id": "0", "skip": True}]})
    body = client.get("/items/0").get_json()
    assert body["candidates"] == ["5"]
    assert body["voices"] == [
        {"annotator": "ann", "candidates": ["3", "5"], "value": None},
        {"annotator": "bob", "candidates": ["5"], "value": None},
        {"annotator": "cleo", "candidates": None, "value": None},
    ]
    assert [set(row) for row in body["history"]] == [
        {"id", "annotator", "candidates", "time", "key"},
        {"id", "annotator", "candidates", "time", "key"},
        {"id", "annotator", "skip", "time", "key"},
    ]
    assert set(body["prediction"]) == {"label", "probability", "probabilities"}


@pytest.mark.parametrize("item", ["no-such", "a/b/c", "0/", "..%2f..%2fetc%2fpasswd", "a%00b", "x" * 1001, "%ff"])
def test_unknown_items(client, refused, item):
    refused(lambda: client.get(f"/items/{item}"), 404)
    refused(lambda: client.get(f"/items/{item}/image"), 404)


@pytest.mark.parametrize("query", ["state=new", "limit=0", "limit=1001", "limit=x", "after=", "after=a%00b", "page=2"])
def test_invalid_query_parameters(client, refused, query):
    refused(lambda: client.get(f"/items?{query}"), 422)


def test_an_unknown_item_to_continue_after(client, refused):
    refused(lambda: client.get("/items?after=no-such"), 404)


def test_nothing_of_a_rejected_batch_is_stored(client, refused, image):
    whole = image(64, 64, seed=5)
    bad = [(b"", 415), (b"GIF89a" + b"\0" * 50, 415), (whole[: len(whole) // 2], 422)]
    for data, status in bad:
        files = [(io.BytesIO(image(seed=9)), "good.png"), (io.BytesIO(data), "bad.png")]
        refused(lambda files=files: client.post("/items", data={"image": files}), status)
    refused(lambda: client.post("/items", json={"image": "x"}), 415)
    refused(lambda: client.post("/items", data={}), 415)


def test_images_above_the_limit_of_the_pool_are_rejected(build, refused, image):
    client = build(max_item_bytes=100).test_client()
    data = image(64, 64)
    for body in ({"data": {"image": (io.BytesIO(data), "x")}}, {"data": data, "content_type": "image/png"}):
        assert "100 bytes" in refused(lambda body=body: client.post("/items", **body), 413)["detail"]


def test_the_limit_of_the_pool_can_be_higher_than_for_predict(client, image, problem, settings):
    data = image(200, 200)
    assert settings.max_upload_bytes < len(data)
    problem(client.post("/predict", data=data, content_type="image/png"), 413)
    assert client.post("/items", data=data, content_type="image/png").status_code == 201
