from __future__ import annotations

import shutil
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.slow


def ids(body):
    return [item["id"] for item in body["items"]]


def test_a_query_returns_items_and_their_origin(client):
    answer = client.get("/query?size=3")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.get_json()
    assert list(body) == [
        "project", "query", "strategy", "parameters", "checkpoint", "probabilities", "seed", "items", "remaining",
        "stale_labels",
    ]  # fmt: skip
    assert (body["project"], body["query"], body["strategy"]) == ("digits", "digits-1", "margin")
    assert body["probabilities"] == "checkpoint"
    assert len(body["items"]) == 3
    for item in body["items"]:
        assert set(item) == {"id", "url", "score", "suggestion", "reason"}
        assert item["url"] == f"/projects/digits/items/{item['id']}/image"
        assert set(item["suggestion"]) == {"label", "probability"}
        assert client.get(item["url"]).content_type == "image/png"


def test_leased_items_are_exclusive_and_returned_first(client):
    first = client.get("/query?size=3&annotator=ann").get_json()
    second = client.get("/projects/digits/query?size=3&annotator=bob").get_json()
    assert not set(ids(first)) & set(ids(second))
    again = client.get("/query?size=4&annotator=ann").get_json()
    assert set(ids(again)[:3]) == set(ids(first))


def test_a_released_query_frees_its_items(client):
    first = client.get("/query?size=3&annotator=ann").get_json()
    answer = client.delete(f"/queries/{first['query']}")
    assert answer.get_json() == {"query": first["query"], "released": 3}
    assert set(ids(client.get("/query?size=3&annotator=bob").get_json())) == set(ids(first))
    assert client.delete(f"/queries/{first['query']}").get_json()["released"] == 0


def test_head_leases_nothing(client, stored):
    assert client.head("/query?size=3&annotator=ann").status_code == 200
    assert stored()["leases"] == []


def test_a_stored_query_can_be_read_and_replayed(client):
    first = client.get("/query?size=3&strategy=entropy").get_json()
    assert first["strategy"] == "entropy"
    stored = client.get(f"/queries/{first['query']}").get_json()
    assert ids(stored) == ids(first)
    assert stored["probabilities"] == "checkpoint"
    assert ids(client.get(f"/projects/digits/queries/{first['query']}/replay").get_json()) == ids(first)


def test_a_query_without_its_scores_is_gone(client, problem, settings):
    first = client.get("/query?size=3").get_json()
    shutil.rmtree(settings.home / "scores")
    problem(client.get(f"/queries/{first['query']}/replay"), 410)


@pytest.mark.parametrize(
    "query",
    [
        "size=0", "size=-3", "size=x", "size=1.5", "size=" + "9" * 400, "annotator=", "annotator=a%00b",
        "annotator=a%0Ab", "annotator=" + "x" * 201, "strategy=", "annotater=ann", "size=3&sise=4",
    ],
)  # fmt: skip
def test_an_invalid_query_is_unprocessable(client, refused, query):
    assert refused(lambda: client.get(f"/query?{query}"), 422)["faults"]


def test_every_fault_of_a_query_is_listed(client, refused):
    faults = refused(lambda: client.get("/query?size=0&annotator=&colour=red"), 422)["faults"]
    assert [fault.partition(":")[0] for fault in faults] == ["size", "annotator", "colour"]


def test_a_size_above_the_limit_is_too_large(client, refused):
    assert "1000" in refused(lambda: client.get("/query?size=1001"), 413)["detail"].replace(",", "")


def test_unknown_strategies_and_queries_are_not_found(client, refused):
    problem = refused(lambda: client.get("/query?strategy=margins"), 404)
    assert "did you mean 'margin'" in problem["detail"]
    for name in ("digits-99", "other-1", quote("digits-1' OR 1=1"), "%00", "x" * 500):
        refused(lambda name=name: client.get(f"/queries/{name}"), 404)
        refused(lambda name=name: client.get(f"/queries/{name}/replay"), 404)
        refused(lambda name=name: client.delete(f"/queries/{name}"), 404)
