"""Texts of numbers, times, labels and measurements."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nextlabel.engine.predict.preview import Preview
from nextlabel.engine.predict.uncertainty import Uncertainty
from nextlabel.engine.progress.progress_records import Interval, Point
from nextlabel.engine.records import ItemDetail, ItemSummary
from nextlabel.store.labels import Label
from nextlabel.web import formatting

ITEM = ItemSummary("7", "open", False, None, None, None)
POINT = Point("r3", 3, "live", 1200, 0.9571, Interval(0.93, 0.975), None, 359, "", 0.0, 1, None, True)


def detail(*label_sets, candidates=None, agreed=None, **more):
    labels = [Label(candidates=names, skip=names is None) for names in label_sets]
    current = dict(zip(("ann", "bob", "cleo"), labels, strict=False))
    return ItemDetail(replace(ITEM, candidates=candidates), current, more.get("history", ()), None, agreed)


def without_breaks(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_test_value():
    shown = [replace(POINT, **metrics) for metrics in ({"test_accuracy": 0.5}, {"test_rmse": 0.12341}, {})]
    assert [without_breaks(formatting.test_value(point)) for point in shown] == ["50.0 %", "0.1234", ""]


def test_unlabelled_value():
    shown = [replace(POINT, **metrics) for metrics in ({"unlabelled_accuracy": 0.5}, {"unlabelled_rmse": 0.12341}, {})]
    assert [without_breaks(formatting.unlabelled_value(point)) for point in shown] == ["50.0 %", "0.1234", ""]


def test_join_or():
    names = [[], ["a"], ["a", "b"], ["a", "b", "c"]]
    assert [formatting.join_or(names) for names in names] == ["", "a", "a or b", "a, b or c"]


def test_uncertainty():
    assert formatting.uncertainty_text(None) == ""
    assert formatting.uncertainty_text(Uncertainty(("cat", "dog"), others=False)) == "Not sure: cat or dog"
    assert (
        formatting.uncertainty_text(Uncertainty(("cat", "dog"), others=True)) == "Not sure: cat, dog or something else"
    )


@pytest.mark.parametrize(
    ("size", "mentioned"), [((90, 60), False), ((60, 89), False), ((60, 100), True), ((9, 900), True)]
)
def test_crop_is_mentioned_for_long_images(size, mentioned):
    width, height = size
    side = min(size)
    look = Preview(None, width, height, (0, 0, side, side), b"", (32, 32))
    assert bool(formatting.crop_text(look)) == mentioned
    if mentioned:
        assert f"{max(1, round(100 * side / max(size)))} %" in formatting.crop_text(look)


@pytest.mark.parametrize(
    ("item", "label", "resolution"),
    [
        (detail(), "open: no label", "It has no label yet."),
        (detail(None), "open: no label", "It has no label yet."),
        (detail(history=(1,)), "open: no label", "It has no label now; see the history."),
        (detail(("a", "b", "c"), agreed=True), "open: any class", "Labelled by ann."),
        (detail(("a",), candidates=("a",), agreed=True), "a", "Labelled by ann."),
        (detail(("a",), ("a",), candidates=("a",), agreed=True), "a", "All 2 annotators agree."),
        (detail(("a", "b"), ("a",), None, candidates=("a",), agreed=True), "a", "intersection"),
        (detail(("a",), ("b",), candidates=("a", "b"), agreed=False), "a or b", "union"),
    ],
)
def test_resolved_label_and_its_resolution(item, label, resolution):
    assert formatting.label_text(item) == label
    assert resolution in formatting.resolution_text(item)


def test_values_are_averaged():
    current = {"ann": Label(value=1.0), "bob": Label(value=2.0)}
    item = ItemDetail(replace(ITEM, value=1.5), current, (), None)
    assert formatting.label_text(item) == "1.5"
    assert formatting.resolution_text(item) == "The mean of the values of 2 annotators."


def test_large_and_exact_values_are_complete():
    assert formatting.label_text(replace(detail(), item=replace(ITEM, value=1234567.0))) == "1234567"
    values = (0.1 + 0.2, 1234567.25, -2.0, 1e300)
    assert [formatting.exact_number(value) for value in values] == ["0.3", "1234567.25", "-2", "1e+300"]


def test_events_of_the_history():
    labels = [Label(candidates=("a", "b")), Label(value=2.5), Label(skip=True), Label(retract=True)]
    texts = [formatting.event_text(label) for label in labels]
    assert texts == ["a or b", "2.5", "skipped", "retracted"]


def test_times():
    assert formatting.time_text(0.0) == "1970-01-01 00:00:00 UTC"
    assert formatting.time_text(1.7e12) == "1.7e+12 s after 1970"  # an imported time in milliseconds
    assert formatting.time_text(-1e300) == "-1e+300 s after 1970"
    assert formatting.iso_time(0.0) == "1970-01-01T00:00:00Z"


def test_checkpoint():
    assert without_breaks(formatting.checkpoint_text(POINT)) == (
        "r3 (live): 1,200 labelled items, accuracy 95.7 %, 95 % interval 93.0 % to 97.5 % on 359 hold-out items"
    )
    bare = replace(POINT, state="earlier", accuracy=None, interval=None, rmse=0.1234567, labels=1)
    assert formatting.checkpoint_text(bare) == "r3: 1 labelled item, root mean square error 0.1235"


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (0.9, "reached, beyond chance"),
        (0.95, "reached, but the interval includes lower values"),
        (0.97, "not reached, but the interval includes it"),
        (0.98, ": not reached."),
    ],
)
def test_goal_considers_the_interval(target, text):
    assert text in formatting.goal_text(POINT, {"accuracy": target})


def test_no_goal_and_no_model():
    assert formatting.goal_text(POINT, {}) == ""
    assert formatting.goal_text(None, {"accuracy": 0.9}).endswith("not measured yet.")


@pytest.mark.parametrize(
    ("rmse", "text"), [(0.2, "reached"), (0.35, "reached"), (0.36, "not reached"), (None, "not measured yet")]
)
def test_an_error_reaches_its_goal_from_above(rmse, text):
    point = replace(POINT, accuracy=None, interval=None, rmse=rmse)
    goal = "The goal is a root mean square error of at most 0.35: "
    assert formatting.goal_text(point, {"rmse": 0.35, "labels": 5.0}) == f"{goal}{text}."
    assert formatting.goal_text(None, {"rmse": 0.35}) == f"{goal}not measured yet."


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_durations(seconds, text):
    assert formatting.duration_text(seconds) == text


def test_heat_levels():
    assert [formatting.heat_level(share) for share in (0.0, 0.01, 0.06, 0.2, 0.5, 1.0)] == list("012345")
