from __future__ import annotations

from dataclasses import replace

import pytest

from nextlabel.engine.progress.progress_records import Interval, Point
from nextlabel.web import number_format

POINT = Point("r3", 3, "live", 1200, 0.9571, Interval(0.93, 0.975), None, 359, "", 0.0, 1, None, True)


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_a_point_in_a_sentence():
    assert plain(number_format.point(POINT)) == (
        "r3 (live): 1,200 labelled items, accuracy 95.7 %, 95 % interval 93.0 % to 97.5 %, of 359 held-out items"
    )
    bare = replace(POINT, state="earlier", accuracy=None, interval=None, rmse=0.1234567, labels=1)
    assert number_format.point(bare) == "r3: 1 labelled item, root mean square error 0.1235"


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (0.9, "reached, beyond chance"),
        (0.95, "the interval still holds less"),
        (0.97, "not rule it out"),
        (0.98, ": not reached."),
    ],
)
def test_the_goal_is_told_with_its_doubt(wanted, told):
    assert told in number_format.goal(POINT, {"accuracy": wanted})


def test_there_may_be_no_goal_and_no_model():
    assert number_format.goal(POINT, {}) == ""
    assert number_format.goal(None, {"accuracy": 0.9}).endswith("not measured yet.")


@pytest.mark.parametrize(("seconds", "told"), [(-1, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_how_long_it_took(seconds, told):
    assert number_format.lasted(seconds) == told


def test_heat_goes_up_in_steps():
    assert [number_format.heat(share) for share in (0.0, 0.01, 0.06, 0.2, 0.5, 1.0)] == list("012345")
