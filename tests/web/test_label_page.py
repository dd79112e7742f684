"""The frame of the labelling page, and the status route that it polls."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import nextlabel.web

SCRIPTS = Path(nextlabel.web.__file__).parent / "static" / "label"
STATUS = {
    "project", "items", "labelled", "open", "labels", "unseen", "train_every", "until_training", "training",
    "checkpoint", "metrics", "stop", "reached",
}  # fmt: skip


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.all = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))

    def by_id(self):
        return {attributes["id"]: attributes for _, attributes in self.all if "id" in attributes}


@pytest.fixture
def page(client):
    answer = client.get("/projects/digits/label")
    assert answer.status_code == 200
    return Tags(answer.get_data(as_text=True))


def test_the_page_conforms_to_its_security_policy(client, page):
    policy = client.get("/projects/digits/label").headers["Content-Security-Policy"]
    assert not re.search(r"unsafe|\*|data:|blob:|http", policy)
    assert not [a for _, a in page.all if "style" in a or any(name.startswith("on") for name in a)]
    assert [a for tag, a in page.all if tag == "script"] == [{"type": "module", "src": "/static/label/label.js"}]
    ids = [a["id"] for _, a in page.all if "id" in a]
    assert len(set(ids)) == len(ids)
    labelled = {a["for"] for tag, a in page.all if tag == "label"}
    assert (
        {a["id"] for tag, a in page.all if tag == "input"} == labelled == {"name", "one-key", "class-search", "value"}
    )
    assert all(a.get("type") in {"button", "submit"} for tag, a in page.all if tag == "button")


def test_the_page_holds_the_project_settings(page):
    config = page.by_id()["labelling"]
    assert json.loads(config["data-classes"]) == list("0123456789")
    assert config["data-address"] == "/projects/digits/"
    assert (config["data-task"], config["data-reserved"]) == ("classification", "dataset")
    assert float(config["data-lease"]) == 600
    assert "hidden" in config  # until the script runs


def test_without_javascript_the_page_explains(client):
    text = client.get("/projects/digits/label").get_data(as_text=True)
    (text,) = re.findall(r"<noscript>(.*?)</noscript>", text, re.DOTALL)
    assert "Labelling needs JavaScript" in text


def test_every_id_in_the_scripts_exists(page):
    ids = set()
    for path in SCRIPTS.glob("*.js"):
        ids |= set(re.findall(r"""(?:byId|getElementById)\("([a-z-]+)"\)""", path.read_text("utf-8")))
    assert len(ids) > 20
    assert ids <= set(page.by_id())


def test_scripts_only_import_each_other(client):
    for path in SCRIPTS.glob("*.js"):
        text = path.read_text("utf-8")
        for name in re.findall(r'(?:from|import) "([^"]+)"', text):
            assert re.fullmatch(r"\./[a-z-]+\.js", name), name
            assert (SCRIPTS / name).exists()
        assert "innerHTML" not in text  # class and annotator names are user input
        with client.get(f"/static/label/{path.name}") as answer:
            assert answer.mimetype == "text/javascript"


def test_an_unknown_project_is_not_found(client, problem):
    problem(client.get("/projects/nope/label"), 404)
    problem(client.get("/projects/nope/status"), 404)


def test_status(client):
    before = client.get("/status").get_json()
    assert set(before) == STATUS
    assert client.get("/projects/digits/status").get_json() == before
    assert (before["items"], before["labelled"], before["labels"], before["unseen"]) == (1797, 20, 0, 0)
    assert (before["train_every"], before["until_training"], before["training"]) == (0, None, None)
    assert (before["checkpoint"], before["stop"], before["reached"]) == ("r1", {}, False)
    assert 0 < before["metrics"]["accuracy"] <= 1
    labels = [{"id": item["id"], "candidates": ["3"]} for item in client.get("/query?size=3").get_json()["items"]]
    assert client.post("/labels", json={"annotator": "ann", "labels": labels}).status_code == 201
    job = client.post("/train").get_json()["job"]
    after = client.get("/status").get_json()
    assert (after["labelled"], after["open"], after["labels"], after["unseen"]) == (23, before["open"] - 3, 3, 3)
    assert after["training"] == {"job": job, "state": "queued", "progress": 0.0}


def test_status_counts_labels_until_the_next_training(build, trained, tmp_path):
    project = (trained / "projects" / "digits.toml").read_text()
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "digits.toml").write_text(project + "[train]\nevery = 4\n[stop]\naccuracy = 0.01\n")
    client = build(projects=tmp_path / "projects").test_client()
    status = client.get("/status").get_json()
    assert (status["train_every"], status["until_training"]) == (4, 4)
    assert (status["stop"], status["reached"]) == ({"accuracy": 0.01}, True)
    for number, item in enumerate(client.get("/query?size=5").get_json()["items"]):
        client.post("/labels", json={"annotator": "ann", "labels": [{"id": item["id"], "candidates": ["3"]}]})
        status = client.get("/status").get_json()
        assert status["until_training"] == max(0, 3 - number)
        assert (status["training"] is None) == (number < 3)
