from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from nextlabel.charts import Axis, DataPoint, Frame, Series, draw, round_ticks

AXIS = Axis(0, 10, [0, 5, 10], "{:g}".format, "title <of> axis")
FRAME = Frame(400, 300, left=40, right=16, top=12, bottom=50)


def chart(*series: Series) -> ET.Element:
    return ET.fromstring(draw(series, AXIS, AXIS, FRAME, 'a "chart"', css_class="wide"))


def group(root: ET.Element, css_class: str) -> list[ET.Element]:
    (parts,) = [element for element in root.iter() if element.get("class") == f"series {css_class}"]
    return list(parts)


def markers(root: ET.Element, css_class: str) -> list[ET.Element]:
    return [part for part in group(root, css_class) if part.get("class") == "dot"]


def test_nothing_that_the_content_security_policy_forbids():
    points = [DataPoint(1, 2, "<script>"), DataPoint(3, 4, "b")]
    text = draw([Series("a", [points], shape="circle")], AXIS, AXIS, FRAME, "c")
    assert not re.search(r"<style|<script|style=|<defs|<desc|<!--|http://(?!www.w3.org/2000/svg)", text)
    assert "&lt;script&gt;" in text


def test_each_marker_has_its_title_and_shape():
    points = [DataPoint(1, 2, "one"), DataPoint(3, 4, "two")]
    root = chart(
        Series("a", [points], shape="circle"),
        Series("b", [[DataPoint(5, 5, "three")]], joined=False, shape="square"),
        Series("c", [[DataPoint(5, 5, "four")]], joined=False, shape="triangle"),
    )
    assert (root.get("role"), root.get("aria-label"), root.get("viewBox")) == ("img", 'a "chart"', "0 0 400 300")
    assert root.get("class") == "chart wide"
    assert [part[0].text for part in markers(root, "a")] == ["one", "two"]
    for css_class, corners, title in (("b", 4, "three"), ("c", 3, "four")):
        (marker,) = group(root, css_class)
        assert len(marker.get("points").split()) == corners
        assert marker[0].text == title
    first, second = markers(root, "a")
    assert first.tag.endswith("circle")
    assert float(first.get("cx")) < float(second.get("cx"))
    assert float(first.get("cy")) > float(second.get("cy"))


def test_separate_lines_without_markers():
    root = chart(Series("intervals", [[DataPoint(1, 2), DataPoint(1, 4)], [DataPoint(2, 5), DataPoint(2, 9)]]))
    assert [part.tag.rpartition("}")[2] for part in group(root, "intervals")] == ["polyline", "polyline"]
    assert markers(root, "intervals") == []


def test_points_lie_where_the_axes_say():
    root = chart(Series("line", [[DataPoint(0, 0), DataPoint(5, 10), DataPoint(10, 5)]]))
    (line,) = group(root, "line")
    assert line.get("points") == "40.0,250.0 212.0,12.0 384.0,131.0"


def test_a_band_encloses_low_and_high():
    root = chart(Series("a", [[DataPoint(0, 5), DataPoint(10, 5)]], band=[(0, 0, 10), (10, 0, 5)]))
    band, _ = group(root, "a")
    assert (band.get("class"), band.get("points")) == ("band", "40.0,250.0 384.0,250.0 384.0,131.0 40.0,12.0")


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 300, 6, [0, 100, 200, 300]),
        (0.41, 1.0, 6, [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (0, 0.001, 3, [0, 0.0005, 0.001]),
        (0, 1_000_000, 3, [0, 500_000, 1_000_000]),
        (0, 1, 9, [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ],
)
def test_ticks_are_round_numbers(low, high, most, expected):
    assert round_ticks(low, high, most) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.41, 0.97, [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (10, 330, [0, 50, 100, 150, 200, 250, 300, 350]),
        (7, 7, [7, 8]),
        (0, 0, [0, 0.2]),
        (-3, 3, [-3, -2, -1, 0, 1, 2, 3]),
    ],
)
def test_ticks_can_cover_every_value(low, high, expected):
    assert round_ticks(low, high, 8, cover=True) == expected


def test_a_series_of_points_has_its_marker_in_the_legend():
    root = chart(
        Series("a", [[DataPoint(1, 2)]], label="line"),
        Series("b", [[DataPoint(1, 2)]], joined=False, shape="square", radius=3, label="points"),
    )
    keys = {part[1].text: part[0].tag.rpartition("}")[2] for part in root.iter() if len(part) == 2 and part[1].text}
    assert keys == {"line": "polyline", "points": "polygon"}


def test_the_radius_of_markers():
    root = chart(Series("a", [[DataPoint(1, 2)]], shape="circle", radius=2.5))
    assert [marker.get("r") for marker in markers(root, "a")] == ["2.5"]
