"""What a job has made is kept: not lost to a busy database, nor to Ctrl-C right behind the commit."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from support.engine import ToyProject, folders

from nextlabel.contracts.errors import NotReady
from nextlabel.engine.training import cleanup, commit, job
from nextlabel.engine.training.cleanup import removed_on_failure
from nextlabel.engine.training.commit import Interrupted, patiently
from nextlabel.engine.training.promotion import said_of_holdout


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "PAUSE", 0.0)


class Busy:
    """A database that is busy the first times; the job is told to stop in its report number `stops`."""

    def __init__(self, times: int, stops: int = -1) -> None:
        self.left = times
        self.stops = stops
        self.reports = 0

    def keep(self) -> None:
        if self.left:
            self.left -= 1
            raise NotReady("busy")

    def report(self, share: float, metrics: Mapping[str, float]) -> None:
        self.reports += 1
        if self.reports == self.stops:
            raise Interrupted("stopped")


def test_a_busy_database_is_asked_again() -> None:
    busy = Busy(3)
    patiently(busy.keep, busy.report)
    assert (busy.left, busy.reports) == (0, 3)


def test_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "PATIENCE", 0.0)
    busy = Busy(1_000_000)
    with pytest.raises(NotReady):
        patiently(busy.keep, busy.report)


def test_a_job_that_is_stopped_meanwhile_does_not_wait() -> None:
    busy = Busy(10, stops=2)
    with pytest.raises(Interrupted):
        patiently(busy.keep, busy.report)
    assert busy.left == 8


def test_a_training_outlives_a_database_that_is_away_behind_its_fit(
    blobs: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [2]

    def away(*arguments: object) -> object:
        if left[0]:
            left[0] -= 1
            raise NotReady("the database does not answer")
        return said_of_holdout(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(job, "said_of_holdout", away)
    blobs.train()
    assert left == [0]
    assert [found.live for found in blobs.project.models.checkpoints()] == [True]


def test_what_went_wrong_is_told_where_the_database_is_away_too(
    blobs: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "_named", lambda _: Busy(1).keep())
    with pytest.raises(ValueError, match="itself"), removed_on_failure(blobs.services):
        raise ValueError("the fault itself")


def test_what_the_database_names_stays_whatever_is_raised(blobs: ToyProject) -> None:
    blobs.train()
    before = folders(blobs)
    home = blobs.services.home
    unnamed = home.checkpoint("toy", "r2")
    unnamed.mkdir()
    with pytest.raises(KeyboardInterrupt), removed_on_failure(blobs.services, home.checkpoint("toy", "r1"), unnamed):
        raise KeyboardInterrupt
    assert folders(blobs) == before
