"""The status of a project: its labels, its live checkpoint and its next training."""

from __future__ import annotations

from collections.abc import Callable

from support.engine import BLOBS, WAVE, ToyProject, full, ids

from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


def test_the_status_before_the_import_is_empty(make: Make) -> None:
    status = make(BLOBS, name="blobs").project.status()
    assert (status.items, status.labels, status.live, status.until_training) == (0, 0, None, None)


def test_only_labels_by_annotators_count(make: Make) -> None:
    project = make({**BLOBS, "train": {"every": 3}, "stop": {"labels": 6}}, name="blobs").import_dataset().train()
    before = project.project.status()
    assert (before.labels, before.unseen, before.until_training, before.training) == (0, 0, 3, None)
    assert (before.stop, before.reached) == ({"labels": 6.0}, True)
    first, second = ids(project.project.queries.create(2, None, "ann"))
    project.project.labels.submit("ann", [full(first, project.truth(first)), (second, Label(skip=True))])
    after = project.project.status()
    assert (after.labels, after.unseen, after.until_training) == (2, 2, 1)
    assert after.labelled == before.labelled + 1
    project.project.labels.submit("ann", [(first, Label(retract=True))])
    due = project.project.status()
    assert (due.labels, due.until_training) == (3, 0)
    assert due.training is not None
    assert (due.training.state, due.training.progress) == ("queued", 0.0)
    project.work()
    done = project.project.status()
    assert (done.until_training, done.training) == (3, None)


def test_values_count_as_labels(make: Make) -> None:
    project = make(WAVE, name="wave").import_dataset().train()
    (item,) = ids(project.project.queries.create(1, None, "ann"))
    project.project.labels.submit("ann", [(item, Label(value=0.5))])
    status = project.project.status()
    assert (status.labels, status.unseen, status.train_every, status.until_training) == (1, 1, 0, None)
