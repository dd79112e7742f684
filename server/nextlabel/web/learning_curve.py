"""The learning curve as a chart: every checkpoint that says how much it learnt from, and how good it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from nextlabel.engine.progress.progress_records import Point, Standing
from nextlabel.web import formatting
from nextlabel.web.charts import Axis, Mark, Series, Shape, draw, ticks

_SIZES = {"wide": (880, 340), "narrow": (360, 300)}
"""A telephone gets a chart of its own: one that shrank would have letters too small to read."""
_TICKS = {"wide": (9, 7), "narrow": (4, 5)}
_KINDS: tuple[tuple[Standing, str, Shape], ...] = (
    ("earlier", "earlier", "circle"),
    ("waits", "waits", "square"),
    ("rolled back", "rolled-back", "triangle"),
    ("live", "live", "circle"),
)


def learning_curve(points: Sequence[Point], stop: Mapping[str, float]) -> Markup | None:
    """Return the chart, wide and narrow; None where there is nothing to draw."""
    drawn = sorted(
        (point for point in points if point.labels is not None and _height(point) is not None),
        key=lambda point: (point.labels, point.number),
    )
    if not drawn:
        return None
    errors = drawn[-1].accuracy is None
    label = f"{'Error' if errors else 'Accuracy'} on the hold-out by labelled items; the table below says the same"
    return Markup("").join(_draw(drawn, stop, errors, kind, label) for kind in _SIZES)


def _draw(points: Sequence[Point], stop: Mapping[str, float], errors: bool, kind: str, label: str) -> Markup:
    goal = None if errors else stop.get("accuracy")
    across, up = _TICKS[kind]
    right = max(point.labels or 0 for point in points)
    low, high = _range(points, goal, errors)
    name: Callable[[float], str] = formatting.short_number if errors else formatting.round_percent
    x = Axis(0, right * 1.04 or 1, ticks(0, right or 1, across), formatting.count, "labelled items it learnt from")
    y = Axis(low, high, ticks(low, high, up), name, "")
    return draw(_series(points, goal, x.high), x, y, _SIZES[kind], label, kind)


def _series(points: Sequence[Point], goal: float | None, right: float) -> list[Series]:
    found = []
    if goal is not None:
        found.append(Series("goal", [[Mark(0, goal), Mark(right, goal)]]))
    bars = [
        [Mark(point.labels or 0, point.interval.low), Mark(point.labels or 0, point.interval.high)]
        for point in points
        if point.interval
    ]
    found.append(Series("intervals", bars))
    held = [_mark(point) for point in points if point.standing in ("earlier", "live")]
    found.append(Series("line", [held]))
    for standing, name, shape in _KINDS:
        marks = [_mark(point) for point in points if point.standing == standing]
        found.append(Series(name, [marks], joined=False, shape=shape))
    return [one for one in found if any(one.lines)]


def _mark(point: Point) -> Mark:
    return Mark(point.labels or 0, _height(point) or 0.0, formatting.checkpoint_text(point))


def _height(point: Point) -> float | None:
    return point.accuracy if point.accuracy is not None else point.rmse


def _range(points: Sequence[Point], goal: float | None, errors: bool) -> tuple[float, float]:
    heights = [_height(point) or 0.0 for point in points]
    if errors:
        return 0.0, max(heights) * 1.1 or 1.0
    ends = [end for point in points if point.interval for end in (point.interval.low, point.interval.high)]
    whole = [*heights, *ends, *([] if goal is None else [goal])]
    low, high = min(whole), max(whole)
    room = max(high - low, 0.1) * 0.08
    return max(0.0, low - room), min(1.0, high + room)
