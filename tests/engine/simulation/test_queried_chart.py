"""Pictures of the items asked: a row per round, wrong predictions marked, long rounds cut."""

from __future__ import annotations

from base64 import b64decode
from xml.etree import ElementTree as ET

import numpy as np

from nextlabel.engine.images.decoding import encode_png
from nextlabel.engine.simulation.queried import SHOWN, QueriedItem
from nextlabel.engine.simulation.queried_chart import draw_queried
from nextlabel.engine.simulation.simulate import Point

SVG = "{http://www.w3.org/2000/svg}"
PNG = encode_png(np.zeros((4, 4), np.uint8))


def drawn(*rounds, title="Digits"):
    points = [Point("margin", 3, number, 10, {}, queried=tuple(items)) for number, items in enumerate(rounds)]
    return ET.fromstring(draw_queried(title, points))


def texts(root):
    return [text.text for text in root.iter(f"{SVG}text")]


def test_a_row_per_round_in_which_items_were_queried():
    first = [QueriedItem("a", "cat", "cat", PNG), QueriedItem("b", "dog", "cat", PNG)]
    root = drawn([], first, [QueriedItem("c", None, "dog", PNG)])
    shown = texts(root)
    assert shown[0] == "Digits: asked by margin, seed 3"
    assert [text for text in shown if text.startswith("round")] == ["round 1", "round 2"]
    assert [text for text in shown if "asked" in text][1:] == ["2 asked", "1 asked"]
    assert [text for text in shown if " wrong" in text and " of " in text] == ["1 of 2 wrong"]
    wrong = [group for group in root.iter(f"{SVG}g") if group.get("class") == "item wrong"]
    assert [texts(group) for group in wrong] == [["✗ dog", "cat"]]
    assert texts(root)[-2:] == ["none", "dog"]
    images = [image.get("href", "") for image in root.iter(f"{SVG}image")]
    assert [b64decode(image.removeprefix("data:image/png;base64,")) for image in images] == [PNG] * 3


def test_a_large_round_is_cut_and_counted_as_a_whole():
    items = [QueriedItem(str(number), "cat", "dog" if number >= 500 else "cat", PNG) for number in range(1000)]
    root = drawn(items)
    assert len(list(root.iter(f"{SVG}image"))) == SHOWN
    assert {f"{SHOWN} of 1,000 shown", "500 of 1,000 wrong"} <= set(texts(root))


def test_vectors_are_shown_as_ids_and_values():
    root = drawn(
        [QueriedItem("p1", 0.25, 0.5, vector=(1.0, -0.123456)), QueriedItem("p2", 1.0, None, vector=(0.5,) * 9)]
    )
    shown = texts(root)
    assert shown[shown.index("p1") :][:5] == ["p1", "1", "-0.123", "0.25", "0.5"]
    assert shown[shown.index("p2") :] == ["p2", "0.5", "0.5", "0.5", "…", "1", "none"]
    assert not [text for text in shown if " of " in text]


def test_everything_is_inside_the_picture():
    root = drawn(*[[QueriedItem(str(number), "cat", "cat", PNG) for number in range(SHOWN)]] * 3)
    width, height = (float(root.get(name)) for name in ("width", "height"))
    for element in root.iter():
        if element.get("x") is not None:
            assert 0 <= float(element.get("x")) + float(element.get("width", 0)) <= width
            assert 0 <= float(element.get("y")) + float(element.get("height", 0)) <= height


def test_text_is_escaped_and_long_names_are_cut():
    root = drawn([QueriedItem("<a>", "a very long class name", "<&>", PNG)], title="A & B")
    assert texts(root)[0] == "A & B: asked by margin, seed 3"
    assert "✗ a very long…" in texts(root)
    assert "<&>" in texts(root)
    assert next(root.iter(f"{SVG}title")).text == "<a>: predicted a very long class name, true <&>"


def test_nothing_queried():
    assert texts(drawn([]))[0].startswith("Digits")
