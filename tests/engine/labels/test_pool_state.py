"""The state in memory follows the database, for every thread and after any error."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from support.engine import ToyProject, full

from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.store import items, labels
from nextlabel.store.items import NewItem
from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


def state_of(project: ToyProject, until: int | None = None) -> PoolState:
    state = PoolState(project.services.row(project.name))
    with project.services.database.read() as connection:
        state.catch_up(connection, until)
    return state


def test_it_is_updated_page_by_page(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextlabel.engine.labels.pool_state._PAGE", 7)
    project = make(labels={"initial": 25}).import_dataset()
    state = state_of(project)
    assert len(state) == len(state.labels) == 60
    assert state.labelled.sum() == 25
    assert state.holdout.sum() == 12


def test_it_stops_at_a_label(blobs: ToyProject) -> None:
    blobs.answer(blobs.project.queries.create(4, None, "ann"), "ann")
    assert state_of(blobs).labels.last == 10
    state = state_of(blobs, until=8)
    assert state.labels.last == 8
    assert state.labelled.sum() == 8


def test_an_update_succeeds_after_a_failed_one(blobs: ToyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("disk error")

    state = PoolState(blobs.services.row("toy"))
    with blobs.services.database.read() as connection:
        with monkeypatch.context() as patch:
            patch.setattr(labels, "since", broken)
            with pytest.raises(OSError, match="disk error"):
                state.catch_up(connection)
        state.catch_up(connection)
    assert state.labelled.sum() == 6


def test_a_snapshot_does_not_see_later_labels_and_items(make: Make) -> None:
    project = make(labels={"initial": 6}).import_dataset()
    cache = project.services.label_state(project.services.row("toy"))
    with project.services.database.read() as connection:
        before = cache.snapshot(connection)
        assert cache.snapshot(connection) is before
    project.answer(project.project.queries.create(4, None, "ann"), "ann")
    with project.services.database.write() as connection:
        items.add(connection, "toy", [NewItem("new", "upload", "new.png", "image/png", holdout=True)], 0.0)
    with project.services.database.read() as connection:
        after = cache.snapshot(connection)
    assert (len(before), before.labels.last, before.labelled.sum(), before.holdout.sum()) == (60, 6, 6, 12)
    assert before.labels.positions_labelled_by("ann") == set()
    assert (len(after), after.labels.last, after.labelled.sum(), after.holdout.sum()) == (61, 10, 10, 13)
    assert len(after.labels.positions_labelled_by("ann")) == 4


def test_training_targets_hide_the_hold_out(make: Make) -> None:
    project = make(dataset={"known": False}, labels={"initial": 0, "holdout": 0.4}).import_dataset()
    project.project.labels.submit("ann", [full(f"p{number}", "red") for number in range(60)])
    state = state_of(project)
    targets = state.training_targets()
    assert (targets.labelled == ~state.holdout).all()
    assert state.labelled.all()
    positions, truth = state.holdout_truth(None)
    np.testing.assert_array_equal(positions, np.flatnonzero(state.holdout))
    assert (truth == 0).all()


def test_only_full_labels_are_the_truth_of_the_hold_out(make: Make) -> None:
    project = make(dataset={"known": False}, labels={"initial": 0, "holdout": 0.4}).import_dataset()
    held = np.flatnonzero(state_of(project).holdout)[:3]
    project.project.labels.submit("ann", [full(f"p{held[0]}", "blue"), full(f"p{held[1]}", "red", "blue")])
    project.project.labels.submit("ann", [(f"p{held[2]}", Label(skip=True))])
    positions, truth = state_of(project).holdout_truth(None)
    assert (positions.tolist(), truth.tolist()) == ([held[0]], [2])


def test_labels_of_the_data_set_outrank_annotators(blobs: ToyProject) -> None:
    state = state_of(blobs)
    held = int(np.flatnonzero(state.holdout)[0])
    wrong = next(name for name in ("red", "green") if name != blobs.truth(f"p{held}"))
    blobs.project.labels.submit("ann", [full(f"p{held}", wrong)])
    positions, truth = state_of(blobs).holdout_truth(blobs.services.pool("toy").truth)
    assert len(positions) == 12
    assert (truth == positions % 3).all()


@pytest.mark.slow
def test_concurrent_readers_and_writers_reach_one_state(
    make: Make, another: Callable[[ToyProject], ToyProject]
) -> None:
    """No thread waits forever, and both engines end at the same state."""
    project = make(dataset={"size": 400}, labels={"initial": 3}).import_dataset()
    other = another(project)
    faults: list[Exception] = []

    def write(side: ToyProject, name: str) -> None:
        for _ in range(15):
            side.answer(side.project.queries.create(3, None, name), name)

    def read(side: ToyProject, name: str) -> None:
        for _ in range(40):
            side.project.items.page("labelled")
            side.project.status()
            side.project.items.get(name)

    def safely(task: Callable[[ToyProject, str], None], side: ToyProject, name: str) -> None:
        try:
            task(side, name)
        except Exception as error:  # noqa: BLE001 - reported by the test
            faults.append(error)

    tasks = [(write, project, "ann"), (write, other, "bob"), (read, project, "p1"), (read, other, "p2")]
    threads = [threading.Thread(target=safely, args=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert faults == []
    assert project.project.status().labelled == other.project.status().labelled == 3 + 2 * 15 * 3


def test_an_older_transaction_changes_nothing(blobs: ToyProject) -> None:
    """A reader whose transaction began before a label gets the state that includes it."""
    label_state = blobs.services.label_state(blobs.services.row("toy"))
    with blobs.services.database.read() as old:
        assert labels.last(old, "toy") == 6
        blobs.answer(blobs.project.queries.create(1, None, "ann"), "ann")
        blobs.project.status()
        with label_state.current(old) as state:
            assert state.labels.last == 7
    assert blobs.project.status().labelled == 7
