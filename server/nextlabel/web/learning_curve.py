"""The learning curve of a project: the accuracy or error of each checkpoint by labels it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from nextlabel.charts import Axis, DataPoint, Frame, Series, Shape, draw, round_ticks
from nextlabel.engine.progress.progress_records import CurveState, Point
from nextlabel.web import formatting

_SIZES = {"wide": (880, 340), "narrow": (360, 300)}
"""Width and height by CSS class. Phones get a chart of their own, because text in a shrunk one is too small to read."""
_MAX_TICKS = {"wide": (9, 7), "narrow": (4, 5)}
"""Most ticks on the x axis and on the y axis."""
_LETTER_WIDTH = 8
_MARKERS: tuple[tuple[CurveState, str, Shape], ...] = (
    ("earlier", "earlier", "circle"),
    ("waits", "waits", "square"),
    ("rolled back", "rolled-back", "triangle"),
    ("live", "live", "circle"),
)
"""CSS class and shape of each kind of checkpoint, in drawing order."""


def learning_curve(points: Sequence[Point], stop: Mapping[str, float]) -> Markup | None:
    """Return a wide and a narrow chart, of which CSS shows one, or None if there is no point to draw."""
    drawn = sorted(
        (point for point in points if point.labels is not None and _height(point) is not None),
        key=lambda point: (point.labels, point.number),
    )
    if not drawn:
        return None
    is_error = drawn[-1].accuracy is None
    label = f"{'Error' if is_error else 'Accuracy'} on the hold-out by labelled items; the table below has the values"
    charts = (_draw(drawn, stop, is_error, size, label) for size in _SIZES)
    return Markup("").join(Markup(chart) for chart in charts)  # noqa: S704 - `draw` escapes every text


def _draw(points: Sequence[Point], stop: Mapping[str, float], is_error: bool, size: str, label: str) -> str:
    goal = stop.get("rmse" if is_error else "accuracy")
    max_x_ticks, max_y_ticks = _MAX_TICKS[size]
    most_labels = max(point.labels or 0 for point in points) or 1
    low, high = _range(points, goal, is_error)
    tick_text: Callable[[float], str] = formatting.short_number if is_error else formatting.round_percent
    y_ticks = round_ticks(low, high, max_y_ticks)
    x = Axis(
        0, most_labels * 1.04, round_ticks(0, most_labels, max_x_ticks), formatting.count, "labelled items in training"
    )
    width, height = _SIZES[size]
    left = 16 + _LETTER_WIDTH * max((len(tick_text(tick)) for tick in y_ticks), default=0)
    frame = Frame(width, height, left=left, right=16, top=12, bottom=50)
    return draw(_series(points, goal, x.high), x, Axis(low, high, y_ticks, tick_text), frame, label, css_class=size)


def _series(points: Sequence[Point], goal: float | None, right: float) -> list[Series]:
    series = []
    if goal is not None:
        series.append(Series("goal", [[DataPoint(0, goal), DataPoint(right, goal)]]))
    intervals = [
        [DataPoint(point.labels or 0, point.interval.low), DataPoint(point.labels or 0, point.interval.high)]
        for point in points
        if point.interval
    ]
    series.append(Series("intervals", intervals))
    promoted = [_data_point(point) for point in points if point.state in ("earlier", "live")]
    series.append(Series("line", [promoted]))
    for state, css_class, shape in _MARKERS:
        marked = [_data_point(point) for point in points if point.state == state]
        series.append(Series(css_class, [marked], joined=False, shape=shape))
    return [entry for entry in series if any(entry.lines)]


def _data_point(point: Point) -> DataPoint:
    return DataPoint(point.labels or 0, _height(point) or 0.0, formatting.checkpoint_text(point))


def _height(point: Point) -> float | None:
    return point.accuracy if point.accuracy is not None else point.rmse


def _range(points: Sequence[Point], goal: float | None, is_error: bool) -> tuple[float, float]:
    """Return the range of the y axis: every value, interval and the goal, with some space around them."""
    values = [_height(point) or 0.0 for point in points] + ([] if goal is None else [goal])
    if is_error:
        return 0.0, max(values) * 1.1 or 1.0
    values += [end for point in points if point.interval for end in (point.interval.low, point.interval.high)]
    low, high = min(values), max(values)
    space = max(high - low, 0.1) * 0.08
    return max(0.0, low - space), min(1.0, high + space)
