"""Rendering of what `digits` does not have: regression, vectors, nodes, NaN metrics, long histories."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field, replace
from html import unescape
from types import SimpleNamespace

import pytest

from nextlabel.app import create_app
from nextlabel.contracts.errors import DatasetMissing, NotFound
from nextlabel.engine.browse.filters import Counts
from nextlabel.engine.browse.gallery import GalleryPage, ItemCard, Neighbours
from nextlabel.engine.records import (
    Checkpoint,
    ItemDetail,
    ItemPage,
    ItemSummary,
    Job,
    Prediction,
    Predictions,
    QueryAnswer,
    QueryItem,
)
from nextlabel.engine.settings import Settings
from nextlabel.engine.status import ProjectStatus
from nextlabel.store.labels import Label, LabelEvent

STATUS = ProjectStatus(
    name="sine", title="Sine <wave>", task="regression", classes=(), kind="vector", items=200, labelled=5, open=195,
    holdout=0, labels=5, unseen=0, learner="ridge", train_every=0, until_training=None,
    live="r1", waits_for_network=False, metrics={"rmse": math.nan}, stop={}, reached=False, training=None, missing=None,
)  # fmt: skip
ITEM = ItemSummary("a b/ü", "labelled", False, None, None, 1.5)
ROW = LabelEvent("a b/ü", "ann", Label(value=1.5), 1.25)


class FakeGallery:
    def page(self, item_filter, limit, **position):
        counts = Counts(1, {"open": 0, "labelled": 1, "skipped": 0}, {"yes": 0, "no": 1}, {}, {"ann": 1})
        return GalleryPage((ItemCard(ITEM, None),), 1, 1, counts, None, None, tiny=False)

    def neighbours(self, item_filter, item_id, **order):
        return Neighbours(None, "b ü", 1, 2)


@dataclass
class FakeProject:
    """A regression project that is also its own parts: queries, labels, items and models."""

    status_now: ProjectStatus = STATUS
    pages_read: int = 0
    config: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(name="sine"))

    def __post_init__(self):
        self.queries = self.labels = self.items = self.models = self

    def status(self):
        return self.status_now

    def predict_vectors(self, rows):
        return Predictions("sine", "r1", tuple(Prediction(mean=sum(row), std=0.5) for row in rows))

    def predict_ids(self, ids):
        return Predictions("sine", "r1", tuple(Prediction(mean=1.0) for _ in ids))

    def create(self, size, strategy, annotator):
        items = (QueryItem("a b/ü", math.inf, None, "control"),)
        return QueryAnswer("sine", "sine-1", "largest-std", {}, None, 7, items, 1, 0, None)

    def get(self, item_id):
        return ItemDetail(ITEM, {"ann": Label(value=1.5)}, (ROW,), None)

    def gallery(self):
        return FakeGallery()

    def page(self, limit):
        return ItemPage((ITEM,), None)

    def checkpoints(self):
        return [Checkpoint("r1", "sine", True, "first", {"rmse": math.nan, "labels": 5.0}, 1.0, None)]

    def history(self):
        for number in range(5000):
            self.pages_read = number + 1
            yield replace(ROW, item=str(number))


@dataclass
class FakeEngine:
    fake: FakeProject
    settings: Settings = field(default_factory=lambda: Settings.from_environment({}, default_project="sine"))

    def projects(self):
        return {"sine": None}

    def project(self, name=None):
        if name not in (None, "sine"):
            raise NotFound.name("project", name, ["sine"])
        return self.fake

    def faults(self):
        return ["plugin <b> of package x cannot be imported"]

    def job(self, number):
        return Job(number, "other", "train", "failed", 0.5, {"loss": math.inf}, ("line",), "why", 1.0, None, None)


@pytest.fixture
def fake():
    return FakeProject()


@pytest.fixture
def client(fake):
    engine = FakeEngine(fake)
    return create_app(engine.settings, engine).test_client()


def test_regression_predicts_mean_and_std(client):
    single = client.post("/predict", json={"vectors": [[1, 2.5]]}).get_json()
    prediction = {"mean": 3.5, "std": 0.5}
    assert single == {"project": "sine", "checkpoint": "r1", **prediction, "predictions": [prediction]}
    both = client.post("/predict", json={"ids": ["0", "1"]}).get_json()
    assert both["predictions"] == [{"mean": 1.0, "std": None}] * 2


def test_items_without_image_have_no_url_and_nan_is_null(client):
    (item,) = client.get("/query").get_json()["items"]
    assert item == {"id": "a b/ü", "url": None, "score": None, "suggestion": None, "reason": "control"}
    assert client.get("/checkpoints").get_json()["checkpoints"][0]["metrics"] == {"rmse": None, "labels": 5.0}
    assert client.get("/jobs/3").get_json()["metrics"] == {"loss": None}


def test_value_and_history_of_an_item(client):
    body = client.get("/items/a%20b/%C3%BC").get_json()
    assert (body["id"], body["url"], body["value"], body["candidates"]) == ("a b/ü", None, 1.5, None)
    assert body["history"] == [{"id": "a b/ü", "annotator": "ann", "value": 1.5, "time": 1.25, "key": None}]


def test_image_urls_escape_the_id(client, fake):
    fake.status_now = replace(STATUS, kind="image")
    (item,) = client.get("/query").get_json()["items"]
    assert item["url"] == "/projects/sine/items/a%20b/%C3%BC/image"


def test_a_job_of_another_project_is_not_found(client, problem):
    assert client.get("/jobs/3").get_json()["project"] == "other"
    problem(client.get("/projects/sine/jobs/3"), 404)


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv"])
def test_the_history_is_streamed(client, fake, kind):
    answer = client.get(f"/labels?format={kind}", buffered=False)
    pieces = answer.iter_encoded()
    next(pieces)
    assert fake.pages_read < 1000
    assert len(list(pieces)) >= 9
    assert fake.pages_read == 5000
    assert len(client.get("/labels").get_json()["labels"]) == 5000


def test_item_page_without_an_image(client):
    text = client.get("/projects/sine/pool/a%20b/%C3%BC").get_data(as_text=True)
    assert "Labelled by ann." in text
    assert '<h2 id="resolved-label">1.5</h2>' in text
    assert "no model has scored this item" in text
    assert "<img" not in text
    assert 'href="/projects/sine/items/a%20b/%C3%BC"' in text
    assert 'href="/projects/sine/pool/b%20%C3%BC" rel="next"' in text
    assert 'name="value"' in text
    assert 'name="candidate"' not in text


@pytest.mark.parametrize("kind", ["vector", "node"])
def test_pool_page_without_images_has_no_upload(client, fake, kind):
    fake.status_now = replace(STATUS, kind=kind)
    text = client.get("/projects/sine/pool").get_data(as_text=True)
    assert 'href="/projects/sine/pool/a%20b/%C3%BC"' in text
    assert "<strong>1.5</strong>" in text
    for absent in ("<img", "<script", 'type="file"', 'id="class"', 'id="guess"'):
        assert absent not in text


@pytest.mark.parametrize(("kind", "key"), [("vector", "vectors"), ("node", "ids")])
def test_predict_page_explains_the_request(client, fake, kind, key):
    fake.status_now = replace(STATUS, kind=kind)
    text = client.get("/projects/sine/").get_data(as_text=True)
    assert f"{{&#34;{key}&#34;:" in text or f'{{"{key}":' in text
    (example,) = re.findall(r"'(.\S+ids.*)'", unescape(text))
    assert json.loads(example) == {"ids": [ITEM.id]}
    assert "Sine &lt;wave&gt;" in text
    assert "<form" not in text
    assert "<script" not in text


def test_a_project_that_cannot_run_shows_the_reason(client, fake, problem):
    fake.status_now = replace(STATUS, kind=None, task=None, live=None, missing="put it into NEXTLABEL_DATA")
    assert "put it into NEXTLABEL_DATA" in client.get("/").get_data(as_text=True)
    assert "put it into NEXTLABEL_DATA" in client.get("/projects/sine/").get_data(as_text=True)


@pytest.mark.parametrize(
    ("address", "ready"), [("/", '<p class="state">ready</p>'), ("/projects/sine/", "ready · checkpoint r1")]
)
def test_no_page_calls_a_project_ready_while_its_network_is_missing(client, fake, address, ready):
    assert ready in client.get(address).get_data(as_text=True)
    fake.status_now = replace(STATUS, waits_for_network=True)
    text = client.get(address).get_data(as_text=True)
    assert "cannot predict yet: the network of its features is missing" in text
    assert ready not in text


def test_home_lists_loading_errors(client):
    assert "plugin &lt;b&gt; of package x cannot be imported" in client.get("/").get_data(as_text=True)


def test_metrics_survive_a_broken_project(client, fake):
    def broken():
        raise DatasetMissing("nothing here")

    fake.status = broken
    text = client.get("/metrics").get_data(as_text=True)
    assert "nextlabel_info" in text
    assert 'project="sine"' not in text
