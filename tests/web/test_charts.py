from __future__ import annotations

import re
import sys
from xml.etree import ElementTree as ET

import pytest

from nextlabel.web.charts import Axis, Mark, Series, draw, ticks

AXIS = Axis(0, 10, [0, 5, 10], "{:g}".format, "made <of>")


def chart(*series: Series) -> ET.Element:
    return ET.fromstring(draw(series, AXIS, AXIS, (400, 300), 'a "chart"', "wide"))


def drawn(root: ET.Element, name: str) -> list[ET.Element]:
    groups = [group for group in root.iter() if group.get("class") == f"series {name}"]
    return [part for group in groups for part in group.iter() if part.get("class") == "dot"]


def test_nothing_is_left_that_a_policy_would_refuse():
    text = draw(
        [Series("a", [[Mark(1, 2, "<script>"), Mark(3, 4, "b")]], shape="circle")], AXIS, AXIS, (400, 300), "c", ""
    )
    assert not re.search(r"<style|<script|style=|<defs|<desc|<!--|http://(?!www.w3.org/2000/svg)", text)
    assert "&lt;script&gt;" in text


def test_each_mark_has_its_title_and_its_shape():
    marks = [Mark(1, 2, "one"), Mark(3, 4, "two")]
    root = chart(
        Series("a", [marks], shape="circle"), Series("b", [[Mark(5, 5, "three")]], joined=False, shape="square")
    )
    assert (root.get("role"), root.get("aria-label"), root.get("viewBox")) == ("img", 'a "chart"', "0 0 400 300")
    assert [part[0].text for part in drawn(root, "a")] == ["one", "two"]
    (square,) = drawn(root, "b")
    assert square.tag.endswith("rect")
    assert square[0].text == "three"
    first, second = drawn(root, "a")
    assert float(first.get("cx")) < float(second.get("cx"))
    assert float(first.get("cy")) > float(second.get("cy"))


def test_lines_are_drawn_apart_and_without_marks_where_none_are_asked():
    root = chart(Series("intervals", [[Mark(1, 2), Mark(1, 4)], [Mark(2, 5), Mark(2, 9)]]))
    (group,) = [g for g in root.iter() if g.get("class") == "series intervals" and len(g) and g[0].tag.endswith("path")]
    assert len(list(group)) == 2
    assert drawn(root, "intervals") == []


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 300, 6, [0, 100, 200, 300]),
        (0.41, 1.0, 6, [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (0, 0.001, 3, [0, 0.0005, 0.001]),
    ],
)
def test_ticks_are_round_numbers(low, high, most, expected):
    assert ticks(low, high, most) == expected


def test_the_librarys_finder_of_modules_is_gone():
    assert not [finder for finder in sys.meta_path if type(finder).__module__.startswith("pygal")]
