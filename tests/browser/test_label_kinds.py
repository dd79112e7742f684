"""The labelling page of other projects: many classes, photographs, values, nodes, empty and finished pools."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image
from serving import until
from support.label_page import Annotator, label_row, labelling, quick_project

ANIMALS = ("ant", "bear", "cat", "dog", "eel", "fox", "gnu", "hen")
CLASSES = [f"{colour} {animal}" for animal in ANIMALS for colour in ("black", "brown", "grey", "red", "white")]
FOLDER = """
[dataset]
plugin = "folder"
path = "{}"
{}
[learner]
plugin = "nearest"
[labels]
holdout = 0
"""
TINY = """
[dataset]
plugin = "{dataset}"
[learner]
plugin = "{learner}"
[strategy]
plugin = "random"
[labels]
initial = {initial}
"""


@pytest.fixture(scope="module")
def labels(browser, quick_folder, tmp_path_factory):
    images = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (images / name).mkdir()
        noise = Image.fromarray(rng.integers(0, 256, (4, 6, 3), np.uint8))
        noise.resize((300, 200), Image.Resampling.BICUBIC).save(images / name / "1.jpg")
    flat = tmp_path_factory.mktemp("flat")
    for number in range(2):
        Image.new("RGB", (40, 30), (90 * number, 60, 30)).save(flat / f"{number}.png")
    odd = tmp_path_factory.mktemp("odd")
    Image.new("RGB", (40, 30)).save(odd / "good.png")
    Image.new("RGB", (40, 30)).save(odd / "rotten.jpg")
    projects = {
        "quick": quick_project(quick_folder),
        "many": FOLDER.format(images, ""),
        "few": FOLDER.format(flat, 'classes = ["s", "u", "x"]'),
        "odd": FOLDER.format(odd, 'classes = ["cat", "dog"]'),
        "missing": FOLDER.format(flat / "not-there", ""),
        "wave": TINY.format(dataset="tiny-wave", learner="tiny-process", initial=3),
        "rings": TINY.format(dataset="tiny-rings", learner="tiny-propagation", initial=0),
    }
    with labelling(quick_folder, tmp_path_factory.mktemp("kinds"), projects) as server:
        # only now, because unreadable files are skipped when the folder is read
        (odd / "rotten.jpg").write_bytes(b"\xff\xd8\xff\xe0 this is no image")
        yield server


def test_class_search(browser, labels):
    with Annotator(browser, labels, "finder", "many") as ann:
        item = ann.shown_item()
        caps = ann.page.eval_on_selector_all("#classes kbd", "caps => caps.map((cap) => cap.innerText.toLowerCase())")
        assert len(caps) == len(set(caps)) > 30
        assert not set(caps) & set("usgz?/")
        ann.press("/")
        ann.page.keyboard.type("fox")
        assert ann.page.locator("#classes .chip:visible").count() == 5
        assert ann.page.locator("#classes .best kbd").is_visible()  # the keys stay visible
        ann.press("Enter")
        ann.page.keyboard.type("red g")
        ann.press("Enter")
        assert ann.text("#preview") == "black fox or red gnu"
        ann.press("Enter")  # sends, because the box is empty
        assert ann.shown_item() != item
        ann.page.keyboard.type("zebra")
        assert "No class" in ann.text("#class-search-match")
        ann.press("Enter", "Escape")
        assert ann.selected_classes() == []
        ann.press("1", "Enter")
        assert ann.saved_labels()[0] == label_row(item, "black fox", "red gnu")


def test_an_unreadable_image_can_be_skipped(browser, labels):
    with Annotator(browser, labels, "rotten", "odd") as ann:
        ann.page.wait_for_selector("#frame img, #frame .nothing")
        if ann.page.locator("#frame img").count():
            ann.label("1")
        assert "cannot be shown" in ann.wait_text("#frame", "rotten.jpg")
        ann.press("s")
        assert {"id": "rotten.jpg", "skip": True} in ann.saved_labels()


def test_letters_of_commands_are_not_class_keys(browser, labels):
    with Annotator(browser, labels, "letters", "few") as ann:
        first = ann.shown_item()
        assert ann.page.eval_on_selector_all("#classes kbd", "caps => caps.map((cap) => cap.innerText)") == ["1", "2"]
        ann.press("1", "x")
        assert ann.selected_classes() == ["s", "x"]
        ann.press("Enter")
        second = ann.shown_item()
        ann.press("s")
        ann.wait_text("#empty-state", "Nothing to label right now|Everything is labelled")
        assert ann.saved_labels() == [label_row(first, "s", "x"), {"id": second, "skip": True}]
        ann.press("u")
        assert ann.shown_item() == second
        ann.press("2", "Enter", "u", "u")
        assert ann.shown_item() == first
        assert ann.selected_classes() == ["s", "x"]


def test_an_image_is_requested_again_after_a_failure(browser, labels):
    ann, aborted = Annotator(browser, labels, "hiccup"), set()

    def abort_once(route):
        if route.request.method == "GET" and route.request.url not in aborted:
            aborted.add(route.request.url)
            route.abort()
        else:
            route.continue_()

    ann.page.route("**/image", abort_once)
    with ann:
        assert re.fullmatch(r"\d+", ann.shown_item())
        assert aborted


def test_values(browser, labels):
    with Annotator(browser, labels, "values", "wave") as ann:
        ann.wait_text("#frame", "Item without an image")
        assert ann.page.locator("#classes").is_hidden()
        ann.page.keyboard.type("about 3")
        ann.press("Enter")
        assert "is not a number" in ann.text("#value-error")
        ann.page.fill("#value", "")
        ann.page.keyboard.type("-1,5")
        ann.press("Enter")
        ann.page.keyboard.type("2e-1")
        ann.press("Enter")
        assert [row["value"] for row in ann.saved_labels()] == [-1.5, 0.2]
        ann.page.click("#undo")
        assert ann.page.input_value("#value") == "2e-1"
        assert ann.saved_labels()[-1]["retract"]
        ann.page.fill("#value", "abc")
        ann.page.click("#send")
        assert "is not a number" in ann.text("#value-error")
        ann.page.keyboard.press("ControlOrMeta+a")  # the field has the focus
        ann.page.keyboard.type("7")
        ann.press("Enter")
        assert ann.saved_labels()[-1]["value"] == 7
        ann.page.click("#skip")
        ann.page.keyboard.type("2.5")
        ann.press("Enter")
        assert ann.saved_labels()[-1]["value"] == 2.5


def test_nodes_without_images(browser, labels):
    with Annotator(browser, labels, "nodes", "rings") as ann:
        ann.wait_text("#frame", "Item without an image")
        item = ann.text("#frame strong")
        ann.press("2", "Enter", "g")
        ann.page.wait_for_selector("#grid [role=option]")
        assert ann.page.locator("#select-predicted").is_hidden()  # no model, so no predictions
        ann.press("1", "Space", "Enter")
        first, second = ann.saved_labels()
        assert first["id"] == item
        assert first["candidates"] != second["candidates"]


def test_a_project_without_its_data_set(browser, labels):
    client = labels.client()
    until(lambda: "no folder" in client("GET", "/projects/missing/items").json()["detail"])
    with Annotator(browser, labels, "early", "missing") as ann:
        assert "there is no folder" in ann.wait_text("#empty-state", "tries again automatically")
        assert ann.page.locator("#label-panel").is_hidden()


def test_an_empty_pool_fills_automatically(browser, labels):
    with Annotator(browser, labels, "waiter", "few") as ann:
        nothing = {"query": "q", "items": [], "strategy": "random", "hint": "the pool is empty: download it"}
        ann.page.route("**/query?*", lambda route: route.fulfill(json=nothing))
        ann.page.route("**/status", lambda route: route.fulfill(json={
            "items": 0, "labelled": 0, "open": 0, "labels": 0, "unseen": 0, "train_every": 0, "until_training": None,
            "training": None, "checkpoint": None, "metrics": {}, "stop": {}, "reached": False,
        }))  # fmt: skip
        ann.page.reload()
        text = ann.wait_text("#empty-state", "There is nothing to label yet: the pool is empty: download it")
        assert text.endswith("New images appear here automatically. Pool")
        ann.page.unroute("**/query?*")
        ann.page.evaluate("window.dispatchEvent(new Event('online'))")
        ann.shown_item()


def test_a_hidden_page_sends_no_queries(browser, labels):
    ann, queries = Annotator(browser, labels, "idle"), []

    def nothing(route):
        queries.append(route.request.url)
        route.fulfill(json={"query": "q", "items": [], "strategy": "random"})

    ann.page.clock.install()
    ann.page.route("**/query?*", nothing)
    hide = "hidden => Object.defineProperty(document, 'hidden', { value: hidden, configurable: true })"
    with ann:
        ann.wait_text("#empty-state", "Nothing to label right now")
        ann.page.evaluate(hide, True)
        before = len(queries)
        for _ in range(6):
            ann.page.clock.run_for(60_000)
        assert len(queries) == before
        ann.page.evaluate(hide, False)
        with ann.page.expect_request("**/query?*"):
            ann.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_the_page_waits_for_missing_scores(browser, labels):
    with Annotator(browser, labels, "patient") as ann:
        late = {"Retry-After": "1"}
        ann.page.route("**/query?*", lambda route: route.fulfill(status=503, json={"detail": "scores"}, headers=late))
        ann.page.reload()
        ann.wait_text("#empty-state", "Not ready yet: scores. This page tries again automatically")
        ann.page.unroute("**/query?*")
        assert re.fullmatch(r"\d+", ann.shown_item())
