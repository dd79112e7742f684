"""Numbers, times, labels and measurements as texts for the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from nextlabel.engine.predict.preview import Preview
from nextlabel.engine.predict.uncertainty import Uncertainty
from nextlabel.engine.progress.progress_records import Interval, Point
from nextlabel.engine.records import ItemDetail, ItemSummary
from nextlabel.store.labels import Label

CROP_NOTE_BELOW = 0.65
"""The crop is mentioned if the model sees less than this share of an image, as it does if one side is over 1.5 times
the other.
"""
_MINUTE, _HOUR = 60, 3600
_SPACE = "\N{NO-BREAK SPACE}"
"""Between a number and its percent sign, so that no line break separates them."""


def percent(share: float) -> str:
    """Return 0.9571 as `95.7 %`."""
    return f"{100 * share:.1f}{_SPACE}%"


def round_percent(share: float) -> str:
    """Return 0.95 as `95 %`, with decimals only if they are needed."""
    return f"{round(100 * share, 2):g}{_SPACE}%"


def short_number(value: float) -> str:
    """Return a number with four significant digits."""
    return f"{value:.4g}"


def exact_number(value: float) -> str:
    """Return a number with up to twelve significant digits: 1234567 stays complete, 0.1 + 0.2 is `0.3`."""
    return f"{value:.12g}"


def count(value: float) -> str:
    """Return 12000 as `12,000`."""
    return f"{value:,.0f}"


def plural(value: int, singular: str, many: str = "") -> str:
    """Return `1 label`, `2 labels`."""
    return f"{value:,} {singular if value == 1 else many or singular + 's'}"


def duration_text(seconds: float) -> str:
    """Return a duration as `12 s`, `3 min 20 s` or `2 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def time_text(seconds: float) -> str:
    """Return a Unix time as `2031-05-09 14:03:07 UTC`, or in seconds if it is outside the calendar."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):  # an imported time may be in milliseconds
        return f"{seconds:g} s after 1970"


def iso_time(seconds: float) -> str:
    """Return a Unix time as `2031-05-09T14:03:07Z`, for the `datetime` attribute of HTML."""
    return time_text(seconds).replace(" UTC", "Z").replace(" ", "T")


def join_or(names: Sequence[str]) -> str:
    """Return `cat`, `cat or dog`, `cat, dog or frog`."""
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""


def label_text(detail: ItemDetail) -> str:
    """Return the resolved label of an item: its class, its candidate classes or its value; or that it is open."""
    return label_summary(detail.item) or ("open: no label" if detail.agreed is None else "open: any class")


def label_summary(item: ItemSummary) -> str:
    """Return the resolved label of an item in a list; an empty string if it has none."""
    if item.value is not None:
        return exact_number(item.value)
    return join_or(item.candidates) if item.candidates is not None else ""


def resolution_text(detail: ItemDetail) -> str:
    """Return how the annotators' labels of an item were combined into one."""
    labels = {name: label for name, label in detail.current_labels.items() if not label.skip}
    if not labels:
        return "It has no label now; see the history." if detail.history else "It has no label yet."
    if len(labels) == 1:
        return f"Labelled by {next(iter(labels))}."
    if detail.agreed is None:
        return f"The mean of the values of {len(labels)} annotators."
    if len({label.candidates for label in labels.values()}) == 1:
        return f"All {len(labels)} annotators agree."
    if detail.agreed:
        return f"The classes that {len(labels)} annotators have in common: the intersection of their labels."
    return f"{len(labels)} annotators disagree: they have no class in common, so this is the union of their labels."


def event_text(label: Label) -> str:
    """Return the content of a label in the history."""
    if label.candidates is not None:
        return join_or(label.candidates)
    if label.value is not None:
        return exact_number(label.value)
    return "skipped" if label.skip else "retracted"


def uncertainty_text(uncertainty: Uncertainty | None) -> str:
    """Return the classes that a model cannot decide between; an empty string if it is sure."""
    if uncertainty is None:
        return ""
    return "Not sure: " + join_or(
        [*uncertainty.classes, "something else"] if uncertainty.others else uncertainty.classes
    )


def crop_text(preview: Preview) -> str:
    """Return how much of a long image the model sees; an empty string if it sees most of it."""
    if preview.share >= CROP_NOTE_BELOW:
        return ""
    return f"The model only sees the middle: {max(1, round(100 * preview.share))} % of the image"


def interval_text(interval: Interval) -> str:
    """Return an interval as `93.1 % to 97.4 %`."""
    return f"{percent(interval.low)} to {percent(interval.high)}"


def checkpoint_text(point: Point) -> str:
    """Return a checkpoint of the learning curve with its measurements."""
    state = "" if point.state == "earlier" else f" ({point.state})"
    parts = [f"{point.checkpoint}{state}: {plural(point.labels or 0, 'labelled item')}"]
    if point.accuracy is not None:
        parts.append(f"accuracy {percent(point.accuracy)}")
    if point.rmse is not None:
        parts.append(f"root mean square error {short_number(point.rmse)}")
    if point.interval is not None and point.holdout:
        parts.append(f"95 % interval {interval_text(point.interval)} on {plural(point.holdout, 'hold-out item')}")
    return ", ".join(parts)


def test_value(point: Point) -> str:
    """Return a checkpoint's accuracy or error on the data set's own test split; an empty string without one."""
    if point.test_accuracy is not None:
        return percent(point.test_accuracy)
    return "" if point.test_rmse is None else short_number(point.test_rmse)


def unlabelled_value(point: Point) -> str:
    """Return a checkpoint's accuracy or error on the items that nobody had labelled; an empty string without it."""
    if point.unlabelled_accuracy is not None:
        return percent(point.unlabelled_accuracy)
    return "" if point.unlabelled_rmse is None else short_number(point.unlabelled_rmse)


def goal_text(live: Point | None, stop: Mapping[str, float]) -> str:
    """Return whether the live checkpoint reaches the target accuracy or error; an empty string without a target."""
    if (target := stop.get("accuracy")) is not None:
        return f"The goal is {round_percent(target)}: {_accuracy_reached(live, target)}."
    if (target := stop.get("rmse")) is not None:
        return (
            f"The goal is a root mean square error of at most {short_number(target)}: {_error_reached(live, target)}."
        )
    return ""


def _accuracy_reached(live: Point | None, target: float) -> str:
    if live is None or live.accuracy is None:
        return "not measured yet"
    low, high = (live.interval.low, live.interval.high) if live.interval else (live.accuracy, live.accuracy)
    if live.accuracy >= target:
        return "reached, beyond chance" if low >= target else "reached, but the interval includes lower values"
    return "not reached, but the interval includes it" if high >= target else "not reached"


def _error_reached(live: Point | None, target: float) -> str:
    if live is None or live.rmse is None:
        return "not measured yet"
    return "reached" if live.rmse <= target else "not reached"


def heat_level(share: float) -> str:
    """Return the colour level, 0 to 5, of a share in the confusion matrix."""
    return str(sum(share > edge for edge in (0.0, 0.05, 0.15, 0.35, 0.65)))
