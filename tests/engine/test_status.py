"""Where a project stands between two trainings."""

from __future__ import annotations

from collections.abc import Callable

from support.engine import BLOBS, WAVE, ToyProject, full, ids

from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


def test_before_its_data_set_is_read_there_is_nothing(make: Make) -> None:
    found = make(BLOBS, name="blobs").project.standing()
    assert (found.items, found.labels, found.checkpoint, found.until_training) == (0, 0, None, None)


def test_what_people_say_counts_and_the_data_set_s_own_labels_do_not(make: Make) -> None:
    project = make({**BLOBS, "train": {"every": 3}, "stop": {"labels": 6}}, name="blobs").bring().train()
    before = project.project.standing()
    assert (before.labels, before.unseen, before.until_training, before.training) == (0, 0, 3, None)
    assert (before.stop, before.reached) == ({"labels": 6.0}, True)
    first, second = ids(project.project.queries.create(2, None, "ann"))
    project.project.labels.submit("ann", [full(first, project.truth(first)), (second, Label(skip=True))])
    after = project.project.standing()
    assert (after.labels, after.unseen, after.until_training) == (2, 2, 1)
    assert after.labelled == before.labelled + 1
    project.project.labels.submit("ann", [(first, Label(retract=True))])
    due = project.project.standing()
    assert (due.labels, due.until_training) == (3, 0)
    assert due.training is not None
    assert (due.training.state, due.training.progress) == ("queued", 0.0)
    project.work()
    done = project.project.standing()
    assert (done.until_training, done.training) == (3, None)


def test_values_count_alike(make: Make) -> None:
    project = make(WAVE, name="wave").bring().train()
    (asked,) = ids(project.project.queries.create(1, None, "ann"))
    project.project.labels.submit("ann", [(asked, Label(value=0.5))])
    found = project.project.standing()
    assert (found.labels, found.unseen, found.train_every, found.until_training) == (1, 1, 0, None)
