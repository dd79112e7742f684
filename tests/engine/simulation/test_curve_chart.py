"""Charts of learning curves: well-formed SVG, everything inside the frame, all text escaped."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from nextlabel.engine.simulation.curve_chart import FRAME, draw_curves
from nextlabel.engine.simulation.curves import Curve

SVG = "{http://www.w3.org/2000/svg}"
RUNS = ([(10, 0.5), (20, 0.8), (30, 0.97)], [(10, 0.4), (20, 0.9), (30, 0.99)])


def drawn(*curves, title="Digits"):
    return ET.fromstring(draw_curves(title, curves))


def texts(root):
    return [text.text for text in root.iter(f"{SVG}text")]


def groups(root):
    """The groups of curves, without those of the legend."""
    return [group for group in root.iter(f"{SVG}g") if group.find(f"{SVG}polygon") is not None]


def test_title_axes_and_legend_are_labelled():
    shown = texts(drawn(Curve("margin", "accuracy", RUNS), Curve("random", "accuracy", RUNS[:1])))
    assert {"Digits", "labels", "accuracy on the hold-out", "margin (2 runs)", "random (1 run)"} <= set(shown)
    assert "100 %" in shown
    assert "30" in shown


@pytest.mark.parametrize(
    ("metric", "axis"),
    [
        ("test_accuracy", "accuracy on the test split"),
        ("test_rmse", "rmse on the test split"),
        ("rmse", "rmse on the hold-out"),
        ("unlabelled_accuracy", "accuracy on the items without a label"),
    ],
)
def test_the_axis_names_what_was_measured(metric, axis):
    shown = texts(drawn(Curve("margin", metric, RUNS)))
    assert axis in shown
    assert ("100 %" in shown) == metric.endswith("accuracy")


def test_a_line_and_a_band_for_each_strategy():
    root = drawn(*[Curve(f"s{number}", "accuracy", RUNS) for number in range(20)])
    assert [len(group.findall(f"{SVG}polyline")) for group in groups(root)] == [1] * 20
    assert [len(group.findall(f"{SVG}polygon")) for group in groups(root)] == [1] * 20
    # colour and dash pattern together are unique, and both are in the style sheet
    styles = [group.get("class") for group in groups(root)]
    assert len(set(styles)) == 20
    css = root.find(f"{SVG}style").text
    assert all(f".{name}" in css for style in styles for name in style.split()[1:])


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
    shapes = [*root.iter(f"{SVG}polyline"), *root.iter(f"{SVG}polygon")]
    assert len(shapes) == 3
    for shape in shapes:
        for pair in shape.get("points").split():
            x, y = map(float, pair.split(","))
            assert FRAME.left - 0.1 <= x <= FRAME.width - FRAME.right + 0.1
            assert FRAME.top - 0.1 <= y <= FRAME.height - FRAME.bottom + 0.1


def test_more_labels_are_to_the_right_and_better_is_higher():
    (group,) = groups(drawn(Curve("margin", "accuracy", RUNS)))
    points = [tuple(map(float, pair.split(","))) for pair in group.find(f"{SVG}polyline").get("points").split()]
    assert points == sorted(points)
    assert [y for _, y in points] == sorted([y for _, y in points], reverse=True)


def test_text_is_escaped():
    title, name = "<script>alert('&\")</script>", "a<b>&\"'"
    shown = texts(drawn(Curve(name, "accuracy", RUNS), title=title))
    assert title in shown
    assert f"{name} (2 runs)" in shown


def test_a_dark_colour_scheme_is_supported():
    style = drawn(Curve("margin", "accuracy", RUNS)).find(f"{SVG}style").text
    assert "prefers-color-scheme:dark" in style


def test_no_curves():
    with pytest.raises(ValueError, match="no curve"):
        draw_curves("Digits", [])
