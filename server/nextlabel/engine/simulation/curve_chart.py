"""Learning curves as an SVG document: a mean line and a band of one standard deviation per curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nextlabel.charts import Axis, DataPoint, Frame, Series, draw, round_ticks
from nextlabel.engine.simulation.curves import Curve

FRAME = Frame(width=760, height=460, left=70, right=20, top=46, bottom=56)
_MAX_TICKS = 8
_COLOURS = (
    ("#1f6fb4", "#6cb2f0"), ("#c8501e", "#f59a6b"), ("#2b8a4b", "#6fd08c"), ("#8a3fa0", "#cf8fe4"),
    ("#a07a00", "#e6c34d"), ("#b3325f", "#f288ad"), ("#0f8080", "#5fd0d0"), ("#555f6b", "#aab4c0"),
)  # fmt: skip
"""Colours of the curves, on a light and on a dark background."""
_DASHES = ("none", "7 4", "2 3")
"""Dash patterns, to distinguish curves if there are more of them than colours."""

_MEASURED_ON = {"": "hold-out", "test": "test split", "unlabelled": "items without a label"}
"""Items by the prefix of a metric."""


def draw_curves(title: str, curves: Sequence[Curve]) -> str:
    """Return the SVG document. Raises ValueError if there is nothing to draw."""
    is_accuracy = bool(curves) and curves[0].is_accuracy
    series = [_series(number, curve, is_accuracy) for number, curve in enumerate(curves)]
    edges = [edge for entry in series for _, *edges in entry.band for edge in edges]
    if not edges:
        raise ValueError("no curve has a point")
    labels = [x for entry in series for x, _, _ in entry.band]
    x = _axis(labels, "{:g}".format, "labels")
    prefix, _, metric = curves[0].metric.rpartition("_")
    title_y = f"{metric} on the {_MEASURED_ON[prefix]}"
    y = _axis(edges, _percent if is_accuracy else "{:.4g}".format, title_y)
    # accuracy curves leave the lower right empty, error curves the upper right
    return draw(series, x, y, FRAME, title, heading=title, legend="bottom" if is_accuracy else "top", style=_style())


def _series(number: int, curve: Curve, is_accuracy: bool) -> Series:
    band = curve.band()
    highest = 1.0 if is_accuracy else float("inf")
    runs = len(curve.runs)
    return Series(
        f"colour-{number % len(_COLOURS)} dash-{number // len(_COLOURS) % len(_DASHES)}",
        [[DataPoint(labels, mean) for labels, mean, _ in band]],
        band=[(labels, max(0.0, mean - sd), min(highest, mean + sd)) for labels, mean, sd in band],
        label=f"{curve.name} ({runs} run{'s' if runs > 1 else ''})",
    )


def _axis(values: Sequence[float], tick_text: Callable[[float], str], title: str) -> Axis:
    ticks = round_ticks(min(values), max(values), _MAX_TICKS, cover=True)
    return Axis(ticks[0], ticks[-1], ticks, tick_text, title)


def _percent(share: float) -> str:
    return f"{share * 100:.4g} %"


def _style() -> str:
    light = "".join(f".colour-{number}{{color:{colour}}}" for number, (colour, _) in enumerate(_COLOURS))
    dark = "".join(f".colour-{number}{{color:{colour}}}" for number, (_, colour) in enumerate(_COLOURS))
    dashes = "".join(f".dash-{number} polyline{{stroke-dasharray:{dash}}}" for number, dash in enumerate(_DASHES))
    return (
        "text{font:13px system-ui,sans-serif;fill:#1d2229}.heading{font-size:16px;font-weight:600}"
        ".axis text{font-size:12px}.background{fill:#fff}.grid{stroke:#e2e5e9}.axis-line{stroke:#6b7480;fill:none}"
        ".series polyline{stroke:currentColor;stroke-width:2;fill:none}.band{fill:currentColor;opacity:.16}"
        f"{dashes}{light}@media(prefers-color-scheme:dark){{text{{fill:#e6e9ed}}.background{{fill:#14171b}}"
        f".grid{{stroke:#2b3138}}.axis-line{{stroke:#8b95a1}}{dark}}}"
    )
