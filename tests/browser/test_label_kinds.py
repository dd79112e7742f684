"""Other projects at the labelling page: many classes, photographs, values, nodes, pools that are empty or used up."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image
from serving import until
from support.label_page import Labeller, labelling, quick, said

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
        "quick": quick(quick_folder),
        "many": FOLDER.format(images, ""),
        "few": FOLDER.format(flat, 'classes = ["s", "u", "x"]'),
        "odd": FOLDER.format(odd, 'classes = ["cat", "dog"]'),
        "gone": FOLDER.format(flat / "not-there", ""),
        "wave": TINY.format(dataset="tiny-wave", learner="tiny-process", initial=3),
        "rings": TINY.format(dataset="tiny-rings", learner="tiny-propagation", initial=0),
    }
    with labelling(quick_folder, tmp_path_factory.mktemp("kinds"), projects) as server:
        # only now: what is broken when a folder is read does not become an item
        (odd / "rotten.jpg").write_bytes(b"\xff\xd8\xff\xe0 this is no image")
        yield server


def test_one_of_many_classes_is_found_by_its_name(browser, labels):
    with Labeller(browser, labels, "finder", "many") as ann:
        item = ann.shown()
        caps = ann.page.eval_on_selector_all("#classes kbd", "caps => caps.map((cap) => cap.innerText.toLowerCase())")
        assert len(caps) == len(set(caps)) > 30
        assert not set(caps) & set("usgz?/")
        ann.press("/")
        ann.page.keyboard.type("fox")
        assert ann.page.locator("#classes .chip:visible").count() == 5
        assert ann.page.locator("#classes .best kbd").is_visible()  # the keys stay in sight
        ann.press("Enter")
        ann.page.keyboard.type("red g")
        ann.press("Enter")
        assert ann.text("#said") == "black fox or red gnu"
        ann.press("Enter")  # the box is empty: send
        assert ann.shown() != item
        ann.page.keyboard.type("zebra")
        assert "No class" in ann.text("#found")
        ann.press("Enter", "Escape")
        assert ann.chosen() == []
        ann.press("1", "Enter")
        assert ann.stored()[0] == said(item, "black fox", "red gnu")


def test_an_image_that_cannot_be_shown_can_still_be_skipped(browser, labels):
    with Labeller(browser, labels, "rotten", "odd") as ann:
        ann.page.wait_for_selector("#frame img, #frame .nothing")
        if ann.page.locator("#frame img").count():
            ann.answer("1")
        assert "cannot be shown" in ann.wait_text("#frame", "rotten.jpg")
        ann.press("s")
        assert {"id": "rotten.jpg", "skip": True} in ann.stored()


def test_commands_keep_their_letters(browser, labels):
    with Labeller(browser, labels, "letters", "few") as ann:
        first = ann.shown()
        assert ann.page.eval_on_selector_all("#classes kbd", "caps => caps.map((cap) => cap.innerText)") == ["1", "2"]
        ann.press("1", "x")
        assert ann.chosen() == ["s", "x"]
        ann.press("Enter")
        second = ann.shown()
        ann.press("s")
        ann.wait_text("#notice", "Nothing to label for you just now|All is labelled")
        assert ann.stored() == [said(first, "s", "x"), {"id": second, "skip": True}]
        ann.press("u")
        assert ann.shown() == second
        ann.press("2", "Enter", "u", "u")
        assert ann.shown() == first
        assert ann.chosen() == ["s", "x"]


def test_only_what_one_key_types_is_a_key_of_its_own(browser, labels):
    with Labeller(browser, labels, "signs", "few") as ann:
        names = ["猫", "犬", "🐈", "@", "ж", "λ", "7", "A", "s"]
        assign = "names => import('/static/label/keys.js').then(({ assign }) => assign(names))"
        assert ann.page.evaluate(assign, names) == ["1", "2", "3", "4", "ж", "λ", "7", "a", "5"]


def test_an_image_that_did_not_come_is_asked_for_once_more(browser, labels):
    ann, lost = Labeller(browser, labels, "hiccup"), set()

    def lose(route):
        if route.request.method == "GET" and route.request.url not in lost:
            lost.add(route.request.url)
            route.abort()
        else:
            route.continue_()

    ann.page.route("**/image", lose)
    with ann:
        assert re.fullmatch(r"\d+", ann.shown())
        assert lost


def test_values(browser, labels):
    with Labeller(browser, labels, "values", "wave") as ann:
        ann.wait_text("#frame", "without an image")
        assert ann.page.locator("#classes").is_hidden()
        ann.page.keyboard.type("about 3")
        ann.press("Enter")
        assert "is no number" in ann.text("#value-fault")
        ann.page.fill("#value", "")
        ann.page.keyboard.type("-1,5")
        ann.press("Enter")
        ann.page.keyboard.type("2e-1")
        ann.press("Enter")
        assert [row["value"] for row in ann.stored()] == [-1.5, 0.2]
        ann.page.click("#undo")
        assert ann.page.input_value("#value") == "2e-1"
        assert ann.stored()[-1]["retract"]
        ann.page.fill("#value", "abc")
        ann.page.click("#send")
        assert "is no number" in ann.text("#value-fault")
        ann.page.keyboard.press("ControlOrMeta+a")  # the field has the focus, and what is typed goes there
        ann.page.keyboard.type("7")
        ann.press("Enter")
        assert ann.stored()[-1]["value"] == 7
        ann.page.click("#skip")
        ann.page.keyboard.type("2.5")
        ann.press("Enter")
        assert ann.stored()[-1]["value"] == 2.5


def test_nodes_have_no_image_and_are_labelled_all_the_same(browser, labels):
    with Labeller(browser, labels, "nodes", "rings") as ann:
        ann.wait_text("#frame", "without an image")
        item = ann.text("#frame strong")
        ann.press("2", "Enter", "g")
        ann.page.wait_for_selector("#grid [role=option]")
        assert ann.page.locator("#mark").is_hidden()  # there is no model that takes them for anything
        ann.press("1", "Space", "Enter")
        first, second = ann.stored()
        assert first["id"] == item
        assert first["candidates"] != second["candidates"]


def test_what_keeps_a_project_from_being_labelled_is_told(browser, labels):
    client = labels.client()
    until(lambda: "no folder" in client("GET", "/projects/gone/items").json()["detail"])
    with Labeller(browser, labels, "early", "gone") as ann:
        assert "there is no folder" in ann.wait_text("#notice", "tries again by itself")
        assert ann.page.locator("#answer").is_hidden()


def test_an_empty_pool_fills_by_itself(browser, labels):
    with Labeller(browser, labels, "waiter", "few") as ann:
        nothing = {"query": "q", "items": [], "strategy": "random"}
        ann.page.route("**/query?*", lambda route: route.fulfill(json=nothing))
        ann.page.route("**/status", lambda route: route.fulfill(json={
            "items": 0, "labelled": 0, "open": 0, "labels": 0, "unseen": 0, "train_every": 0, "until_training": None,
            "training": None, "checkpoint": None, "metrics": {}, "stop": {}, "reached": False,
        }))  # fmt: skip
        ann.page.reload()
        ann.wait_text("#notice", "There is nothing to label yet. Add images in the pool")
        ann.page.unroute("**/query?*")
        ann.page.evaluate("window.dispatchEvent(new Event('online'))")
        ann.shown()


def test_a_page_nobody_looks_at_does_not_ask_for_more(browser, labels):
    ann, asked = Labeller(browser, labels, "idle"), []

    def nothing(route):
        asked.append(route.request.url)
        route.fulfill(json={"query": "q", "items": [], "strategy": "random"})

    ann.page.clock.install()
    ann.page.route("**/query?*", nothing)
    hide = "hidden => Object.defineProperty(document, 'hidden', { value: hidden, configurable: true })"
    with ann:
        ann.wait_text("#notice", "Nothing to label for you just now")
        ann.page.evaluate(hide, True)
        before = len(asked)
        for _ in range(6):
            ann.page.clock.run_for(60_000)
        assert len(asked) == before
        ann.page.evaluate(hide, False)
        with ann.page.expect_request("**/query?*"):
            ann.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_scores_that_are_not_computed_yet_are_waited_for(browser, labels):
    with Labeller(browser, labels, "patient") as ann:
        late = {"Retry-After": "1"}
        ann.page.route("**/query?*", lambda route: route.fulfill(status=503, json={"detail": "scores"}, headers=late))
        ann.page.reload()
        ann.wait_text("#notice", "Not ready yet: scores. This page tries again by itself")
        ann.page.unroute("**/query?*")
        assert re.fullmatch(r"\d+", ann.shown())
