from __future__ import annotations

from dataclasses import replace

import pytest

from nextlabel.engine.predict.preview import Look
from nextlabel.engine.predict.uncertainty import Doubt
from nextlabel.engine.records import ItemDetail, ItemSummary
from nextlabel.store.labels import Label
from nextlabel.web.text_format import cut_off, either, meaning, moment, number, resolution, said, unsure

ITEM = ItemSummary("7", "open", False, None, None, None)


def detail(*sets, candidates=None, agreed=None, **more):
    labels = [Label(candidates=names, skip=names is None) for names in sets]
    current = dict(zip(("ann", "bob", "cleo"), labels, strict=False))
    return ItemDetail(replace(ITEM, candidates=candidates), current, more.get("history", ()), None, agreed)


def test_lists():
    assert [either(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a or b", "a, b or c"]


def test_doubt():
    assert unsure(None) == ""
    assert unsure(Doubt(("cat", "dog"), others=False)) == "Not sure: cat or dog"
    assert unsure(Doubt(("cat", "dog"), others=True)) == "Not sure: cat, dog or something else"


@pytest.mark.parametrize(("size", "told"), [((90, 60), False), ((60, 89), False), ((60, 100), True), ((9, 900), True)])
def test_far_from_square(size, told):
    width, height = size
    side = min(size)
    look = Look(None, width, height, (0, 0, side, side), b"", (32, 32))
    assert bool(cut_off(look)) == told
    if told:
        assert f"{max(1, round(100 * side / max(size)))} %" in cut_off(look)


@pytest.mark.parametrize(
    ("item", "means", "how"),
    [
        (detail(), "open: no label", "Nobody has given it a label."),
        (detail(None), "open: no label", "Nobody has given it a label."),
        (detail(history=(1,)), "open: no label", "Nobody has given it a label that still stands."),
        (detail(("a", "b", "c"), agreed=True), "open: any class", "This is what ann says."),
        (detail(("a",), candidates=("a",), agreed=True), "a", "This is what ann says."),
        (detail(("a",), ("a",), candidates=("a",), agreed=True), "a", "All 2 annotators say the same."),
        (detail(("a", "b"), ("a",), None, candidates=("a",), agreed=True), "a", "intersection"),
        (detail(("a",), ("b",), candidates=("a", "b"), agreed=False), "a or b", "union"),
    ],
)
def test_what_an_item_is_taken_for_and_why(item, means, how):
    assert meaning(item) == means
    assert how in resolution(item)


def test_values():
    current = {"ann": Label(value=1.0), "bob": Label(value=2.0)}
    item = ItemDetail(replace(ITEM, value=1.5), current, (), None)
    assert (meaning(item), resolution(item)) == ("1.5", "The mean of the values of 2 annotators.")


def test_large_and_exact_values_are_not_cut():
    assert meaning(replace(detail(), item=replace(ITEM, value=1234567.0))) == "1234567"
    assert [number(value) for value in (0.1 + 0.2, 1234567.25, -2.0, 1e300)] == ["0.3", "1234567.25", "-2", "1e+300"]


def test_what_was_said():
    labels = [Label(candidates=("a", "b")), Label(value=2.5), Label(skip=True), Label(retract=True)]
    assert list(map(said, labels)) == ["a or b", "2.5", "skipped it", "took the label back"]
    assert moment(0.0) == "1970-01-01 00:00:00 UTC"
    assert moment(1.7e12) == "1.7e+12 s after 1970"  # milliseconds, where somebody imported them
    assert moment(-1e300) == "-1e+300 s after 1970"
