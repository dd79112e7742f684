"""Learning curves as SVG: a mean line and a band of one standard deviation for each."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import floor, log10

from nextlabel.engine.simulation.curves import Curve

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 46, 56
_COLOURS = (
    ("#1f6fb4", "#6cb2f0"), ("#c8501e", "#f59a6b"), ("#2b8a4b", "#6fd08c"), ("#8a3fa0", "#cf8fe4"),
    ("#a07a00", "#e6c34d"), ("#b3325f", "#f288ad"), ("#0f8080", "#5fd0d0"), ("#555f6b", "#aab4c0"),
)  # fmt: skip
"""Of each strategy, on light and on dark."""
_DASHES = ("none", "7 4", "2 3")
"""Told apart by these where there are more strategies than colours."""

_Points = Sequence[tuple[float, float]]


def draw(title: str, curves: Sequence[Curve]) -> str:
    """Return the SVG document; ValueError where there is nothing to draw."""
    bands = [curve.band() for curve in curves]
    rows = [row for band in bands for row in band]
    if not rows:
        raise ValueError("no curve has a point")
    share = curves[0].metric == "accuracy"
    top = 1.0 if share else float("inf")
    across = _Axis([row[0] for row in rows], LEFT, WIDTH - RIGHT)
    heights = [max(0.0, mean - sd) for _, mean, sd in rows] + [min(top, mean + sd) for _, mean, sd in rows]
    up = _Axis(heights, HEIGHT - BOTTOM, TOP)
    parts = [_grid(across, up, share), _titles(title, curves[0].metric)]
    for number, (curve, band) in enumerate(zip(curves, bands, strict=True)):
        low = [(across.at(x), up.at(max(0.0, mean - sd))) for x, mean, sd in band]
        high = [(across.at(x), up.at(min(top, mean + sd))) for x, mean, sd in band]
        middle = [(across.at(x), up.at(mean)) for x, mean, _ in band]
        colour, dash = f"c{number % len(_COLOURS)}", _DASHES[number // len(_COLOURS) % len(_DASHES)]
        parts.append(f'<g class="{colour}"><polygon class="band" points="{_path([*low, *reversed(high)])}"/>')
        parts.append(f'<polyline stroke-dasharray="{dash}" points="{_path(middle)}"/>')
        # where the curves are not: they rise with accuracy and fall with an error
        place = HEIGHT - BOTTOM - 14 - 20 * (len(curves) - 1 - number) if share else TOP + 18 + 20 * number
        parts.append(_legend(curve, place, dash) + "</g>")
    about = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}"'
    paper = '<rect class="paper" width="100%" height="100%"/>'
    return "\n".join([f"<svg {about}>", f"<style>{_style()}</style>", paper, *parts, "</svg>", ""])


class _Axis:
    """Round numbers around the values, and where each lies on the page."""

    def __init__(self, values: Sequence[float], start: float, stop: float) -> None:
        low, high = min(values), max(values)
        self.step = _round_step((high - low) or abs(high) or 1.0)
        self.low = floor(low / self.step + 1e-9) * self.step
        count = 1
        while self.low + count * self.step < high - 1e-9:
            count += 1
        self.ticks = [self.low + number * self.step for number in range(count + 1)]
        self._start, self._scale = start, (stop - start) / (count * self.step)

    def at(self, value: float) -> float:
        return self._start + (value - self.low) * self._scale


def _round_step(span: float) -> float:
    """Return the step of about six ticks: 1, 2 or 5 times a power of ten."""
    power: float = 10.0 ** floor(log10(span / 6))
    return next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= 7)  # noqa: PLR2004


def _grid(across: _Axis, up: _Axis, share: bool) -> str:
    below = f'y="{HEIGHT - BOTTOM + 18}" text-anchor="middle"'
    parts = [f'<text class="tick" x="{across.at(tick):.1f}" {below}>{tick:g}</text>' for tick in across.ticks]
    for tick in up.ticks:
        said, y = f"{tick * 100:.4g} %" if share else f"{tick:.4g}", f"{up.at(tick):.1f}"
        parts.append(f'<path class="rule" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y}" dy="4" text-anchor="end">{said}</text>')
    parts.append(f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
    return "\n".join(parts)


def _titles(title: str, metric: str) -> str:
    middle = (TOP + HEIGHT - BOTTOM) / 2
    said = "accuracy on the hold-out" if metric == "accuracy" else f"{metric} on the hold-out"
    return (
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>'
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 14}" text-anchor="middle">labels</text>'
        f'<text transform="translate(18 {middle}) rotate(-90)" text-anchor="middle">{said}</text>'
    )


def _legend(curve: Curve, y: float, dash: str) -> str:
    x = WIDTH - RIGHT - 230
    count = len(curve.runs)
    said = f"{escape(curve.name)} ({count} run{'s' if count > 1 else ''})"
    return f'<path d="M{x} {y - 4}h24" stroke-dasharray="{dash}"/><text x="{x + 32}" y="{y}">{said}</text>'


def _path(points: _Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _style() -> str:
    light = "".join(f".c{number}{{color:{colour}}}" for number, (colour, _) in enumerate(_COLOURS))
    dark = "".join(f".c{number}{{color:{colour}}}" for number, (_, colour) in enumerate(_COLOURS))
    return (
        "text{font:13px system-ui,sans-serif;fill:#1d2229}.title{font-size:16px;font-weight:600}.tick{font-size:12px}"
        ".paper{fill:#fff}.rule{stroke:#e2e5e9}.axis{stroke:#6b7480;fill:none}"
        "polyline,g path{stroke:currentColor;stroke-width:2;fill:none}.band{fill:currentColor;opacity:.16}"
        f"{light}@media(prefers-color-scheme:dark){{text{{fill:#e6e9ed}}.paper{{fill:#14171b}}"
        f".rule{{stroke:#2b3138}}.axis{{stroke:#8b95a1}}{dark}}}"
    )
