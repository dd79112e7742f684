from __future__ import annotations

import pytest

from nextlabel.engine.progress.curve import curve
from nextlabel.engine.progress.wilson import wilson
from nextlabel.store.checkpoints import CheckpointRow


def row(number: int, *, promoted: bool = True, job: int | None = 1, **metrics: float) -> CheckpointRow:
    name = f"r{number}"
    return CheckpointRow("p", name, number, job, 1.0, metrics, {"start": None}, "", f"there/{name}", promoted)


def test_a_point_has_its_labels_and_its_interval():
    (point,) = curve([row(1, labels=20.0, accuracy=0.8, holdout=10.0)], "r1", lambda _row: True)
    assert (point.labels, point.accuracy, point.holdout, point.state) == (20, 0.8, 10, "live")
    assert point.interval == wilson(0.8, 10)


def test_unrecorded_numbers_are_none():
    rows = [row(1), row(2, accuracy=0.5), row(3, rmse=0.2, holdout=9.0)]
    points = curve(rows, None, lambda checkpoint: checkpoint.number == 2)
    assert [point.interval for point in points] == [None] * 3
    assert [point.labels for point in points] == [None] * 3
    assert [point.has_files for point in points] == [False, True, False]
    assert points[2].rmse == 0.2


@pytest.mark.parametrize(("promoted", "state"), [(False, "waits"), (True, "rolled back")])
def test_a_newer_checkpoint_waits_or_was_rolled_back(promoted, state):
    points = curve([row(1), row(2, promoted=promoted)], "r1", lambda _row: True)
    assert [point.state for point in points] == ["live", state]


@pytest.mark.parametrize("promoted", [True, False])
def test_an_older_or_bundled_checkpoint_is_earlier(promoted):
    points = curve([row(1), row(2), row(3, job=None, promoted=promoted)], "r2", lambda _row: True)
    assert [point.state for point in points] == ["earlier", "live", "earlier"]


def test_an_older_checkpoint_that_waited_still_waits():
    points = curve([row(1), row(2, promoted=False), row(3)], "r3", lambda _row: True)
    assert [point.state for point in points] == ["earlier", "waits", "live"]
