"""Numbers as the progress page says them."""

from __future__ import annotations

from collections.abc import Mapping

from nextlabel.engine.progress.progress_records import Interval, Point

_MINUTE, _HOUR = 60, 3600
_SPACE = "\N{NO-BREAK SPACE}"
"""Between a number and its sign: they stand on one line."""


def percent(share: float) -> str:
    """Return 0.9571 as `95.7 %`."""
    return f"{100 * share:.1f}{_SPACE}%"


def round_percent(share: float) -> str:
    """Return 0.95 as `95 %`, with a decimal where it is needed."""
    return f"{round(100 * share, 2):g}{_SPACE}%"


def number(value: float) -> str:
    """Return a value with four digits."""
    return f"{value:.4g}"


def count(value: float) -> str:
    """Return 12000 as `12,000`."""
    return f"{value:,.0f}"


def plural(value: int, one: str, many: str = "") -> str:
    """Return `1 label`, `2 labels`."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def span(interval: Interval) -> str:
    """Return an interval as `93.1 % to 97.4 %`."""
    return f"{percent(interval.low)} to {percent(interval.high)}"


def point(found: Point) -> str:
    """Return a checkpoint on the curve, in a sentence."""
    state = "" if found.state == "earlier" else f" ({found.state})"
    parts = [f"{found.checkpoint}{state}: {plural(found.labels or 0, 'labelled item')}"]
    if found.accuracy is not None:
        parts.append(f"accuracy {percent(found.accuracy)}")
    if found.rmse is not None:
        parts.append(f"root mean square error {number(found.rmse)}")
    if found.interval is not None and found.holdout:
        parts.append(f"95 % interval {span(found.interval)}, of {plural(found.holdout, 'held-out item')}")
    return ", ".join(parts)


def goal(found: Point | None, stop: Mapping[str, float]) -> str:
    """Return how the live checkpoint stands to the accuracy that is wanted; nothing where none is."""
    wanted = stop.get("accuracy")
    if wanted is None:
        return ""
    said = f"The goal is {round_percent(wanted)}: "
    if found is None or found.accuracy is None:
        return said + "not measured yet."
    low, high = (found.interval.low, found.interval.high) if found.interval else (found.accuracy, found.accuracy)
    if found.accuracy >= wanted:
        return said + ("reached, beyond chance." if low >= wanted else "reached; the interval still holds less.")
    return said + ("not reached; the interval does not rule it out." if high >= wanted else "not reached.")


def lasted(seconds: float) -> str:
    """Return a length of time as `12 s`, `3 min 20 s` or `2 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def heat(share: float) -> str:
    """Return the step, 0 to 5, of a share in a table of heat."""
    return str(sum(share > edge for edge in (0.0, 0.05, 0.15, 0.35, 0.65)))
