"""Charts: pygal draws, and what is left needs no script, no styles of its own, and the page's colours.

pygal brings a style sheet, a script and `style` attributes, none of which the pages' policy
lets through; `static/progress/progress.css` styles its classes instead. Where it keeps a value
for its script to show, the mark gets a `<title>`, which browsers show by themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Literal
from xml.etree import ElementTree as ET

from markupsafe import Markup
from pygal import XY, PluginImportFixer
from pygal.style import Style

# pygal's finder of modules, for maps that are plugins, lacks `find_spec`: Python warns of it at each import that fails
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, PluginImportFixer)]

Shape = Literal["circle", "square", "triangle"]
_FONT = 14
_RADIUS = 5.0
_LOST = 1e-9
_DROPPED = {"defs", "desc", "title"}


@dataclass(frozen=True)
class Mark:
    """A point of a series; with no `title` it is only a place the line goes through."""

    x: float
    y: float
    title: str = ""


@dataclass(frozen=True)
class Series:
    """Lines of marks, a gap between each two; it is drawn with the class `name`."""

    name: str
    lines: Sequence[Sequence[Mark]]
    joined: bool = True
    """Whether a line is drawn through the marks of each."""
    shape: Shape | None = None
    """How a mark is drawn; None: not at all."""


@dataclass(frozen=True)
class Axis:
    """Where an axis goes from and to, the places that are named, and how."""

    low: float
    high: float
    ticks: Sequence[float]
    name: Callable[[float], str]
    title: str


def draw(series: Sequence[Series], x: Axis, y: Axis, size: tuple[int, int], label: str, classes: str) -> Markup:
    """Return an SVG `size` pixels wide and high, that scales; `label` is what it is to a screen reader.

    Later series lie over earlier ones.
    """
    width, height = size
    style = Style(label_font_size=_FONT, major_label_font_size=_FONT, title_font_size=_FONT)
    chart = XY(
        width=width,
        height=height,
        style=style,
        js=[],
        classes=["chart", *classes.split()],
        show_legend=False,
        allow_interruptions=True,
        no_prefix=True,
        margin=8,
        margin_right=16,
        spacing=8,
        xrange=(x.low, x.high),
        range=(y.low, y.high),
        x_labels=[{"label": x.name(tick), "value": tick} for tick in x.ticks],
        y_labels=[{"label": y.name(tick), "value": tick} for tick in y.ticks],
        x_title=x.title,
        y_title=y.title,
        truncate_label=-1,
    )
    for one in series:
        chart.add(one.name, _values(one), stroke=one.joined)
    root = chart.render_tree()
    for group in _clean(root).iter("g"):
        for number, one in enumerate(series):
            if f"serie-{number}" in group.get("class", "").split():
                group.set("class", f"series {one.name}")
                _mark(group, one)
    root.set("role", "img")
    root.set("aria-label", label)
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - the library escapes what it draws


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return the round numbers between two, as many as are `most` or fewer."""
    step = 10.0**-6
    while True:
        for factor in (1, 2, 5):
            # 1.0 is twenty times 0.05, whatever is lost in the division
            first, last = ceil(low / (step * factor) - _LOST), floor(high / (step * factor) + _LOST)
            if last - first < most:
                return [round(k * step * factor, 6) for k in range(first, last + 1)]
        step *= 10


def _values(series: Series) -> list[tuple[float, float] | None]:
    values: list[tuple[float, float] | None] = []
    for line in series.lines:
        values += [*((mark.x, mark.y) for mark in line), None]
    return values


def _clean(root: ET.Element) -> ET.Element:
    """Take out what the policy refuses and what only pygal's own script reads."""
    for parent in list(root.iter()):
        parent.attrib.pop("style", None)
        for child in list(parent):
            overlay = child.get("class", "").split()
            # comments have a function for a tag
            if not isinstance(child.tag, str) or child.tag in _DROPPED or "tooltip-overlay" in overlay:
                parent.remove(child)
    root.attrib.pop("id", None)
    return root


def _mark(group: ET.Element, series: Series) -> None:
    """Draw the marks of a series in its shape, each with its title."""
    marks = [mark for line in series.lines for mark in line]
    places = [(parent, child) for parent in group.iter("g") for child in parent if child.tag == "circle"]
    for (parent, circle), mark in zip(places, marks, strict=bool(places)):
        parent.remove(circle)
        if series.shape is not None:
            parent.append(_drawn(series.shape, float(circle.get("cx", 0)), float(circle.get("cy", 0)), mark.title))


def _drawn(shape: Shape, x: float, y: float, title: str) -> ET.Element:
    r = _RADIUS
    if shape == "circle":
        made = ET.Element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{r:g}")
    elif shape == "square":
        made = ET.Element("rect", x=f"{x - r:.1f}", y=f"{y - r:.1f}", width=f"{2 * r:g}", height=f"{2 * r:g}")
    else:
        corners = ((x - 1.2 * r, y - r), (x + 1.2 * r, y - r), (x, y + 1.2 * r))
        made = ET.Element("polygon", points=" ".join(f"{a:.1f},{b:.1f}" for a, b in corners))
    made.set("class", "dot")
    ET.SubElement(made, "title").text = title
    return made
