"""All pages: valid HTML, a strict security policy, working links."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import nextlabel.web

PAGES = [
    "/",
    "/projects/digits/",
    "/projects/digits/label",
    "/projects/digits/progress",
    "/projects/digits/progress/jobs",
    "/projects/digits/confusion?true=1&predicted=1",
    "/projects/digits/disagreements",
    "/projects/digits/second-look",
    "/projects/digits/pool",
    "/projects/digits/pool?state=open&class=3&q=1&order=newest",
    "/projects/digits/pool/0",
    "/projects/digits/pool/0?state=open&who=ann",
    "/docs",
    "/login",
]
STATIC = Path(nextlabel.web.__file__).parent / "static"


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def addresses(self):
        return [a[key] for _, a in self.tags for key in ("href", "src", "action") if key in a]


@pytest.mark.parametrize("address", PAGES)
def test_pages_are_valid_and_conform_to_the_security_policy(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert not re.search(r"unsafe|\*|data:|blob:|http", policy)
    page = Page(answer.get_data(as_text=True))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == len(page.all("main")) == 1
    assert answer.get_data(as_text=True).partition("</head>")[0].count("<title>") == 1
    assert not page.all("style")
    assert all("src" in script for script in page.all("script"))
    assert not [a for _, a in page.tags if "style" in a or any(name.startswith("on") for name in a)]
    labelled = {label["for"] for label in page.all("label")}
    fields = [field for field in page.all("input") if field.get("type") != "hidden"] + page.all("select")
    assert {field["id"] for field in fields} <= labelled
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(set(ids)) == len(ids)


@pytest.mark.slow
@pytest.mark.parametrize("address", PAGES)
def test_links_work_and_stay_on_this_host(client, address):
    for link in Page(client.get(address).get_data(as_text=True)).addresses():
        if link.startswith("#"):
            continue
        assert re.match(r"/(?!/)", link)
        with client.get(link) as answer:
            assert answer.status_code in (200, 405)


def test_static_files_contain_no_other_host():
    for path in filter(Path.is_file, STATIC.rglob("*")):
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]|@import|url\(", re.sub(r"(?m)(^|\s)// .*$", "", text)), path


def test_home_shows_the_state_of_each_project(client):
    text = client.get("/").get_data(as_text=True)
    assert "Digits" in text
    assert "ready" in text
    assert 'href="/projects/digits/"' in text
    client.post("/train")
    assert "ready, training" in client.get("/").get_data(as_text=True)


def test_the_prediction_page_is_a_plain_form(client):
    page = Page(client.get("/projects/digits/").get_data(as_text=True))
    (form,) = page.all("form")
    assert (form["method"], form["enctype"]) == ("post", "multipart/form-data")
    assert form["action"] == "/projects/digits/"
    assert [(field["type"], field["name"]) for field in page.all("input")] == [("file", "image")]
    assert page.all("button") == [{"type": "submit"}]


def test_project_pages_mark_the_current_page(client):
    for address, name in (("", "Try it"), ("label", "Label"), ("progress", "Progress"), ("pool", "Pool")):
        text = client.get(f"/projects/digits/{address}").get_data(as_text=True)
        assert re.findall(r'<a [^>]*aria-current="page"[^>]*>([^<]*)</a>', text) == [name]
        assert '<span class="project">Digits</span>' in text
    assert 'aria-current="page">Pool' in client.get("/projects/digits/pool/0").get_data(as_text=True)


def test_home_shows_the_first_step_and_each_accuracy(client):
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get("/").get_data(as_text=True)))
    assert "New here? Try Digits with an image of your own" in text
    assert re.search(r"Accuracy \d+\.\d % on 359 hold-out items", text)
    assert "Labelled 20 of 1,797" in text


def test_home_compares_the_accuracy_with_its_own_goal(build, trained, tmp_path):
    project = (trained / "projects" / "digits.toml").read_text()
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "digits.toml").write_text(project + "[stop]\naccuracy = 0.9999\nlabels = 1\n")
    client = build(projects=tmp_path / "projects").test_client()
    assert client.get("/status").get_json()["reached"] is True  # by its labels
    home = client.get("/").get_data(as_text=True)
    assert "goal: 99.99&nbsp;%" in home
    assert "goal reached" not in home


def test_a_project_without_a_trailing_slash_redirects(client, problem):
    assert client.get("/projects/digits").headers["Location"].endswith("/projects/digits/")
    problem(client.get("/projects/nope/"), 404)


def test_docs_list_every_route_once(client):
    text = client.get("/docs").get_data(as_text=True)
    for route in ("/predict", "/query", "/labels", "/items/{item}/image", "/checkpoints/{checkpoint}/promote"):
        assert f"<code>{route}</code>" in text
    assert "{project}" not in text
