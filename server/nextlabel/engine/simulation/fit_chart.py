"""The first and the last fit of a simulated regression as an SVG document, with the data and the labelled points."""

from __future__ import annotations

from collections.abc import Sequence

from nextlabel.charts import Axis, DataPoint, Frame, Series, Shape, draw, round_ticks
from nextlabel.contracts.data import FloatArray
from nextlabel.engine.simulation.fit import Fit

FRAME = Frame(width=760, height=460, left=70, right=20, top=46, bottom=56)
DEVIATIONS = 2
"""Standard deviations from the mean to the edge of the band."""
_MAX_TICKS = 9
_LEGEND_SHARE = 0.4
"""Share of the range of the values that is added above them, for the legend."""


def draw_fits(title: str, fits: Sequence[Fit]) -> str:
    """Return the SVG document of the fits of one run, of which it shows the first and the last.

    Raises ValueError without any.
    """
    if not fits:
        raise ValueError("there is no fit to draw")
    first, last = fits[0], fits[-1]
    later = last.labelled[~(last.labelled[:, None] == first.labelled[None]).all(axis=2).any(axis=1)]
    series = [
        _points("data", last.data, "data", radius=2),
        _curve("first", first, f"first fit, {_count(first)}"),
        _curve("last", last, f"last fit, {_count(last)}"),
        _points("start", first.labelled, "labelled at the start", radius=5, shape="square"),
        _points("later", later, "labelled later", radius=5),
    ]
    series = [entry for entry in series if any(entry.lines)]
    values = [value for entry in series for line in entry.lines for value in (point.y for point in line)]
    values += [edge for entry in series for _, *edges in entry.band for edge in edges]
    low, high = min(values), max(values)
    x, y = (
        Axis(ticks[0], ticks[-1], ticks, "{:.4g}".format, name)
        for ticks, name in (
            (round_ticks(first.x[0], first.x[-1], _MAX_TICKS, cover=True), "x"),
            (round_ticks(low, high + _LEGEND_SHARE * (high - low), _MAX_TICKS, cover=True), "value"),
        )
    )
    heading = f"{title}: mean and {DEVIATIONS} standard deviations"
    return draw(series, x, y, FRAME, heading, heading=heading, legend="top", style=_STYLE)


def _count(fit: Fit) -> str:
    return f"{len(fit.labelled)} label{'' if len(fit.labelled) == 1 else 's'}"


def _curve(css_class: str, fit: Fit, label: str) -> Series:
    rows = list(zip(fit.x.tolist(), fit.mean.tolist(), (DEVIATIONS * fit.std).tolist(), strict=True))
    return Series(
        css_class,
        [[DataPoint(x, mean) for x, mean, _ in rows]],
        band=[(x, mean - width, mean + width) for x, mean, width in rows],
        label=label,
    )


def _points(css_class: str, points: FloatArray, label: str, radius: float, shape: Shape = "circle") -> Series:
    line = [DataPoint(x, value) for x, value in points.tolist()]
    return Series(css_class, [line] if line else [], joined=False, shape=shape, radius=radius, label=label)


_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1d2229}.heading{font-size:16px;font-weight:600}"
    ".axis text{font-size:12px}.background{fill:#fff}.grid{stroke:#e2e5e9}.axis-line{stroke:#6b7480;fill:none}"
    ".series polyline{stroke:currentColor;stroke-width:2;fill:none}.band{fill:currentColor;opacity:.16}"
    ".dot{fill:currentColor;stroke:none}.first polyline{stroke-dasharray:7 4}"
    ".data{color:#98a1ac}.first{color:#c8501e}.last{color:#1f6fb4}.start{color:#c8501e}.later{color:#1f6fb4}"
    ".start .dot,.later .dot{stroke:#fff;stroke-width:1}"
    "@media(prefers-color-scheme:dark){text{fill:#e6e9ed}.background{fill:#14171b}.grid{stroke:#2b3138}"
    ".axis-line{stroke:#8b95a1}.data{color:#6b7480}.first,.start{color:#f59a6b}.last,.later{color:#6cb2f0}"
    ".start .dot,.later .dot{stroke:#14171b}}"
)
