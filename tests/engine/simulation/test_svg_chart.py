"""Curves as images: well formed, everything inside the frame, every word escaped."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from nextlabel.engine.simulation.curves import Curve
from nextlabel.engine.simulation.svg_chart import HEIGHT, LEFT, RIGHT, TOP, WIDTH, draw

SVG = "{http://www.w3.org/2000/svg}"
RUNS = ([(10, 0.5), (20, 0.8), (30, 0.97)], [(10, 0.4), (20, 0.9), (30, 0.99)])


def drawn(*curves, title="Digits"):
    return ET.fromstring(draw(title, curves))


def words(root):
    return [text.text for text in root.iter(f"{SVG}text")]


def test_it_says_what_it_shows():
    said = words(drawn(Curve("margin", "accuracy", RUNS), Curve("random", "accuracy", RUNS[:1])))
    assert {"Digits", "labels", "accuracy on the hold-out", "margin (2 runs)", "random (1 run)"} <= set(said)
    assert "100 %" in said
    assert "30" in said


def test_a_line_and_a_band_for_each_strategy():
    root = drawn(*[Curve(f"s{number}", "accuracy", RUNS) for number in range(20)])
    assert len(list(root.iter(f"{SVG}polyline"))) == 20
    assert len(list(root.iter(f"{SVG}polygon"))) == 20
    # told apart by colour and dash together
    looks = [(g.get("class"), g.find(f"{SVG}polyline").get("stroke-dasharray")) for g in root.iter(f"{SVG}g")]
    assert len(set(looks)) == 20


@pytest.mark.parametrize(
    "runs",
    [
        RUNS,
        ([(10, 0.0), (20, 1.0)], [(10, 1.0), (20, 0.0)]),
        ([(7, 0.5)],),
        ([(0, 0.913), (1000000, 0.9131)],),
        ([(5, 0.0), (6, 0.0)],),
    ],
)
@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
def test_everything_lies_inside_the_frame(runs, metric):
    root = drawn(Curve("margin", metric, runs))
    for shape in [*root.iter(f"{SVG}polyline"), *root.iter(f"{SVG}polygon")]:
        for pair in shape.get("points").split():
            x, y = map(float, pair.split(","))
            assert LEFT - 0.1 <= x <= WIDTH - RIGHT + 0.1
            assert TOP - 0.1 <= y <= HEIGHT


def test_more_is_to_the_right_and_better_is_higher():
    points = next(iter(drawn(Curve("margin", "accuracy", RUNS)).iter(f"{SVG}polyline"))).get("points").split()
    places = [tuple(map(float, pair.split(","))) for pair in points]
    assert places == sorted(places)
    assert [y for _, y in places] == sorted([y for _, y in places], reverse=True)


def test_words_are_escaped():
    title, name = "<script>alert('&\")</script>", "a<b>&\"'"
    said = words(drawn(Curve(name, "accuracy", RUNS), title=title))
    assert title in said
    assert f"{name} (2 runs)" in said


def test_it_follows_the_readers_colour_scheme():
    style = drawn(Curve("margin", "accuracy", RUNS)).find(f"{SVG}style").text
    assert "prefers-color-scheme:dark" in style


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="no curve"):
        draw("Digits", [])
