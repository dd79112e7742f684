"""Line charts as SVG: axes, grid, bands, lines, markers and a legend.

Colours, fonts and line styles come from CSS classes. An inline style would be blocked by the content
security policy of the pages, and could not follow a dark colour scheme.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count
from math import ceil, floor, log10
from typing import Literal

Shape = Literal["circle", "square", "triangle"]
_TOLERANCE = 1e-9
"""Rounding error that may be lost when a value is divided by a step."""


@dataclass(frozen=True)
class DataPoint:
    """A point of a series."""

    x: float
    y: float
    title: str = ""
    """Tooltip of its marker, also read by screen readers."""


@dataclass(frozen=True)
class Series:
    """Points that are drawn alike."""

    css_class: str
    lines: Sequence[Sequence[DataPoint]]
    """Runs of points; the points of one run are connected."""
    joined: bool = True
    """Whether to draw the lines that connect points."""
    shape: Shape | None = None
    """Shape of the marker on each point; no markers if None."""
    radius: float = 5
    """Radius of a marker in pixels."""
    band: Sequence[tuple[float, float, float]] = ()
    """Shaded area as (x, low, high), in the order of x."""
    label: str = ""
    """Name in the legend; no entry if empty."""


@dataclass(frozen=True)
class Axis:
    """The range of an axis, its ticks, and their text."""

    low: float
    high: float
    ticks: Sequence[float]
    tick_text: Callable[[float], str]
    title: str = ""


@dataclass(frozen=True)
class Frame:
    """Size of the image, and its margins around the plot, in pixels."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int


def round_ticks(low: float, high: float, most: int, *, cover: bool = False) -> list[float]:
    """Return at most `most` round numbers: all multiples of 1, 2 or 5 times a power of ten from `low` to `high`.

    With `cover` the first is not above `low` and the last not below `high`; there are at least two.
    """
    span = high - low or abs(high) or 1.0
    start = floor(log10(span / most)) - 1
    for step in (factor * 10.0**exponent for exponent in count(start) for factor in (1, 2, 5)):
        if cover:
            first, last = floor(low / step + _TOLERANCE), ceil(high / step - _TOLERANCE)
            last = max(last, first + 1)
        else:
            first, last = ceil(low / step - _TOLERANCE), floor(high / step + _TOLERANCE)
        if last - first < most and (step * most >= span or not cover):
            return [float(f"{number * step:.12g}") for number in range(first, last + 1)]
    raise AssertionError


def draw(
    series: Sequence[Series],
    x: Axis,
    y: Axis,
    frame: Frame,
    label: str,
    *,
    css_class: str = "",
    heading: str = "",
    legend: Literal["top", "bottom"] = "bottom",
    style: str = "",
) -> str:
    """Return an SVG document that scales with its container; later series are drawn over earlier ones.

    `label` describes the chart to screen readers. `legend` places the legend at the right of the
    plot's top or bottom. `style` is a style sheet, for a document that is not part of a page.
    """
    plot = _Plot(x, y, frame)
    css_classes = escape(f"chart {css_class}".rstrip())
    attributes = f'class="{css_classes}" viewBox="0 0 {frame.width} {frame.height}" role="img"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {attributes} aria-label="{escape(label)}">',
        f"<style>{style}</style>" if style else "",
        '<rect class="background" width="100%" height="100%"/>',
        *plot.axes(heading),
        *(part for entry in series for part in plot.series(entry)),
        *plot.legend([entry for entry in series if entry.label], legend),
        "</svg>",
    ]
    return "\n".join(filter(None, parts)) + "\n"


@dataclass(frozen=True)
class _Plot:
    """Draws the parts of a chart in pixel coordinates."""

    x: Axis
    y: Axis
    frame: Frame

    def axes(self, heading: str) -> list[str]:
        frame, bottom, right = self.frame, self.frame.height - self.frame.bottom, self.frame.width - self.frame.right
        middle_x, middle_y = (frame.left + right) / 2, (frame.top + bottom) / 2
        x_ticks = [_text(self.x.tick_text(tick), self._x(tick), bottom + 18, "middle") for tick in self.x.ticks]
        y_ticks = [_text(self.y.tick_text(tick), frame.left - 8, self._y(tick) + 4, "end") for tick in self.y.ticks]
        grid = [f'<path class="grid" d="M{frame.left} {self._y(tick):.1f}H{right}"/>' for tick in self.y.ticks]
        return [
            *grid,
            *['<g class="axis x">', *x_ticks, "</g>"],
            *['<g class="axis y">', *y_ticks, "</g>"],
            f'<path class="axis-line" d="M{frame.left} {frame.top}V{bottom}H{right}"/>',
            _text(heading, frame.left, 26, attributes='class="heading"'),
            _text(self.x.title, middle_x, frame.height - 12, "middle"),
            _text(self.y.title, 0, 0, "middle", f'transform="translate(18 {middle_y:g}) rotate(-90)"'),
        ]

    def series(self, series: Series) -> list[str]:
        parts = [f'<g class="series {escape(series.css_class)}">']
        if series.band:
            outline = [(x, low) for x, low, _ in series.band] + [(x, high) for x, _, high in reversed(series.band)]
            parts.append(f'<polygon class="band" points="{self._points(outline)}"/>')
        if series.joined:
            lines = [self._points((point.x, point.y) for point in line) for line in series.lines]
            parts += [f'<polyline points="{points}"/>' for points in lines]
        if series.shape is not None:
            points = [(self._x(point.x), self._y(point.y), point.title) for line in series.lines for point in line]
            parts += [_marker(series.shape, x, y, series.radius, title) for x, y, title in points]
        return [*parts, "</g>"]

    def legend(self, series: Sequence[Series], position: Literal["top", "bottom"]) -> list[str]:
        frame, line_height = self.frame, 20
        left = frame.width - frame.right - 230
        top = frame.top + 18
        if position == "bottom":
            top = frame.height - frame.bottom - 14 - line_height * (len(series) - 1)
        return [
            f'<g class="series {escape(entry.css_class)}">{_key(entry, left, y - 4)}'
            f"{_text(entry.label, left + 32, y)}</g>"
            for y, entry in zip(count(top, line_height), series, strict=False)
        ]

    def _points(self, points: Iterable[tuple[float, float]]) -> str:
        return _pairs((self._x(x), self._y(y)) for x, y in points)

    def _x(self, value: float) -> float:
        share = (value - self.x.low) / (self.x.high - self.x.low)
        return self.frame.left + share * (self.frame.width - self.frame.left - self.frame.right)

    def _y(self, value: float) -> float:
        share = (value - self.y.low) / (self.y.high - self.y.low)
        return self.frame.top + (1 - share) * (self.frame.height - self.frame.top - self.frame.bottom)


def _key(series: Series, left: float, y: float) -> str:
    """Return the line of a series in the legend, or its marker if its points are not connected."""
    if series.shape is not None and not series.joined:
        return _marker(series.shape, left + 12, y, series.radius)
    return f'<polyline points="{left},{y} {left + 24},{y}"/>'


def _marker(shape: Shape, x: float, y: float, r: float, tooltip: str = "") -> str:
    title = f"<title>{escape(tooltip)}</title>" if tooltip else ""
    if shape == "circle":
        return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{r:g}">{title}</circle>'
    if shape == "square":
        corners = [(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)]
    else:
        corners = [(x - 1.2 * r, y - r), (x + 1.2 * r, y - r), (x, y + 1.2 * r)]
    return f'<polygon class="dot" points="{_pairs(corners)}">{title}</polygon>'


def _text(text: str, x: float, y: float, anchor: str = "start", attributes: str = "") -> str:
    """Return a text element, or nothing if the text is empty."""
    position = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text {position} {attributes}>{escape(text)}</text>" if text else ""


def _pairs(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
