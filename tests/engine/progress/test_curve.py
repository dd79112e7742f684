from __future__ import annotations

import numpy as np
import pytest

from nextlabel.engine.progress.curve import curve
from nextlabel.engine.progress.wilson import wilson
from nextlabel.engine.training.evaluation import judge
from nextlabel.store.checkpoints import CheckpointRow

FIRST = "the first checkpoint of this project"


def row(number: int, verdict: str = FIRST, job: int | None = 1, **metrics: float) -> CheckpointRow:
    return CheckpointRow("p", f"r{number}", number, job, 1.0, metrics, {"start": None}, verdict, f"there/r{number}")


def arrays(*right: bool) -> dict[str, np.ndarray]:
    """Scores of two classes, where class 0 is right."""
    return {"probabilities": np.array([[1.0, 0.0] if said else [0.0, 1.0] for said in right])}


def test_a_point_tells_its_labels_and_its_interval():
    (point,) = curve([row(1, labels=20.0, accuracy=0.8, holdout=10.0)], "r1", lambda _row: True)
    assert (point.labels, point.accuracy, point.holdout, point.standing) == (20, 0.8, 10, "live")
    assert point.interval == wilson(0.8, 10)


def test_what_is_not_known_is_not_made_up():
    points = curve([row(1), row(2, accuracy=0.5), row(3, rmse=0.2, holdout=9.0)], None, lambda one: one.number == 2)
    assert [point.interval for point in points] == [None] * 3
    assert [point.labels for point in points] == [None] * 3
    assert [point.kept for point in points] == [False, True, False]
    assert points[2].rmse == 0.2


# what is said of a checkpoint that waits, by the judge itself
WORSE = judge(arrays(*[False] * 20), arrays(*[True] * 20), np.arange(20), np.zeros(20, int))
EQUAL = judge(arrays(*[True] * 20), arrays(*[True] * 20), np.arange(20), np.zeros(20, int))
NOTHING = judge(arrays(True), {}, np.empty(0, int), np.empty(0, int))


@pytest.mark.parametrize(
    ("verdict", "standing"), [(WORSE, "waits"), (NOTHING, "waits"), (EQUAL, "rolled back")], ids=str
)
def test_how_a_newer_one_stands(verdict, standing):
    assert verdict.promote == (standing != "waits")
    points = curve([row(1), row(2, verdict.reason)], "r1", lambda _row: True)
    assert [point.standing for point in points] == ["live", standing]


def test_an_older_one_was_live_before_and_one_that_ships_was_not_rolled_back():
    points = curve([row(1), row(2, EQUAL.reason), row(3, "ships with the product", None)], "r2", lambda _row: True)
    assert [point.standing for point in points] == ["earlier", "live", "earlier"]
