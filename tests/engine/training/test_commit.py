"""A job's results are not lost to a busy database, nor to Ctrl-C right after the commit."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from support.engine import ToyProject, folders

from nextlabel.contracts.errors import NotReady
from nextlabel.engine import retry
from nextlabel.engine.retry import retry_while_busy
from nextlabel.engine.training import cleanup, job
from nextlabel.engine.training.cleanup import removed_on_failure
from nextlabel.engine.training.commit import Interrupted
from nextlabel.engine.training.promotion import score_holdout


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "RETRY_EVERY", 0.0)


class Busy:
    """A database that is busy for the first `times` attempts, and a job that is stopped at report number `stops`."""

    def __init__(self, times: int, stops: int = -1) -> None:
        self.left = times
        self.stops = stops
        self.reports = 0

    def store(self) -> None:
        if self.left:
            self.left -= 1
            raise NotReady("busy")

    def report(self, share: float, metrics: Mapping[str, float]) -> None:
        self.reports += 1
        if self.reports == self.stops:
            raise Interrupted("stopped")


def test_a_busy_database_is_tried_again() -> None:
    busy = Busy(3)
    retry_while_busy(busy.store, busy.report)
    assert (busy.left, busy.reports) == (0, 3)


def test_retrying_ends_with_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "RETRY_FOR", 0.0)
    busy = Busy(1_000_000)
    with pytest.raises(NotReady):
        retry_while_busy(busy.store, busy.report)


def test_a_stopped_job_does_not_retry() -> None:
    busy = Busy(10, stops=2)
    with pytest.raises(Interrupted):
        retry_while_busy(busy.store, busy.report)
    assert busy.left == 8


def test_a_training_survives_a_database_outage_after_the_fit(
    blobs: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [2]

    def unavailable(*arguments: object) -> object:
        if left[0]:
            left[0] -= 1
            raise NotReady("the database does not answer")
        return score_holdout(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(job, "score_holdout", unavailable)
    blobs.train()
    assert left == [0]
    assert [checkpoint.live for checkpoint in blobs.project.models.checkpoints()] == [True]


def test_the_first_error_is_raised_if_the_database_is_unavailable(
    blobs: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "_named_folders", lambda _: Busy(1).store())
    with pytest.raises(ValueError, match="itself"), removed_on_failure(blobs.services):
        raise ValueError("the error itself")


def test_folders_named_by_the_database_are_not_removed(blobs: ToyProject) -> None:
    blobs.train()
    before = folders(blobs)
    home = blobs.services.home
    unnamed = home.checkpoint("toy", "r2")
    unnamed.mkdir()
    with pytest.raises(KeyboardInterrupt), removed_on_failure(blobs.services, home.checkpoint("toy", "r1"), unnamed):
        raise KeyboardInterrupt
    assert folders(blobs) == before
