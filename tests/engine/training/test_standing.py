"""Where a project stands between two trainings."""

from __future__ import annotations

from collections.abc import Callable

from engine_help import BLOBS, WAVE, Project, full, ids

from nextlabel.engine.answers import LabelInput

Make = Callable[..., Project]


def test_before_its_data_set_is_read_there_is_nothing(make: Make) -> None:
    found = make(BLOBS, name="blobs").loop.standing()
    assert (found.items, found.labels, found.checkpoint, found.until_training) == (0, 0, None, None)


def test_what_people_say_counts_and_the_data_set_s_own_labels_do_not(make: Make) -> None:
    project = make({**BLOBS, "train": {"every": 3}, "stop": {"labels": 6}}, name="blobs").bring().train()
    before = project.loop.standing()
    assert (before.labels, before.unseen, before.until_training, before.training) == (0, 0, 3, None)
    assert (before.stop, before.reached) == ({"labels": 6.0}, True)
    first, second = ids(project.loop.query(2, None, "ann"))
    project.loop.submit("ann", [full(first, project.truth(first)), LabelInput(second, skip=True)])
    after = project.loop.standing()
    assert (after.labels, after.unseen, after.until_training) == (2, 2, 1)
    assert after.labelled == before.labelled + 1
    project.loop.submit("ann", [LabelInput(first, retract=True)])
    due = project.loop.standing()
    assert (due.labels, due.until_training) == (3, 0)
    assert due.training is not None
    assert (due.training.state, due.training.progress) == ("queued", 0.0)
    project.work()
    done = project.loop.standing()
    assert (done.until_training, done.training) == (3, None)


def test_values_count_alike(make: Make) -> None:
    project = make(WAVE, name="wave").bring().train()
    (asked,) = ids(project.loop.query(1, None, "ann"))
    project.loop.submit("ann", [LabelInput(asked, value=0.5)])
    found = project.loop.standing()
    assert (found.labels, found.unseen, found.train_every, found.until_training) == (1, 1, 0, None)
