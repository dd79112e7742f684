"""Labels are submitted all or none, once per key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.engine import WAVE, ToyProject, full

from nextlabel.contracts.errors import Conflict, NotReady, Unprocessable
from nextlabel.store import labels
from nextlabel.store.labels import Label, LabelEvent

Make = Callable[..., ToyProject]


@pytest.fixture
def open_item(blobs: ToyProject) -> str:
    """Return the id of an unlabelled item."""
    return blobs.project.queries.create(1, "toy-first").items[0].id


def history(project: ToyProject, annotator: str = "ann") -> list[LabelEvent]:
    return [event for event in project.project.labels.history() if event.annotator == annotator]


def test_labels_are_stored_in_the_order_given(blobs: ToyProject, open_item: str) -> None:
    assert (
        blobs.project.labels.submit("ann", [full(open_item, "blue", "red"), (open_item, Label(skip=True))], "key") == 2
    )
    first, second = history(blobs)
    assert (first.item, first.label, first.key) == (open_item, Label(candidates=("red", "blue")), "key")
    assert second.label == Label(skip=True)
    assert blobs.project.items.get(open_item).item.state == "skipped"


def test_every_fault_is_listed_and_nothing_is_stored(blobs: ToyProject, open_item: str) -> None:
    submitted = [
        full(open_item, "red"),
        full("p999", "red"),
        full(open_item, "rde"),
        full(open_item, "red", "gren"),
        (open_item, Label(value=1.0)),
        (open_item, Unprocessable("a class occurs twice")),
        ("p998", Unprocessable("a class occurs twice")),
    ]
    before = len(list(blobs.project.labels.history()))
    with pytest.raises(Unprocessable) as caught:
        blobs.project.labels.submit("ann", submitted, "key")
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [f"labels[{n}]" for n in range(1, 7)]
    assert "no item 'p999'" in caught.value.faults[0]
    assert "did you mean 'red'? valid: red, green, blue" in caught.value.faults[1]
    assert "did you mean 'green'?" in caught.value.faults[2]
    assert "takes candidates, not values" in caught.value.faults[3]
    assert "occurs twice" in caught.value.faults[4]
    assert "no item 'p998'" in caught.value.faults[5]
    assert "6 of the labels" in str(caught.value)
    assert len(list(blobs.project.labels.history())) == before
    # and the key is free
    assert blobs.project.labels.submit("ann", [full(open_item, "red")], "key") == 1


def test_values_fit_regressions_only(make: Make) -> None:
    wave = make(WAVE, name="wave").import_dataset()
    with pytest.raises(Unprocessable, match="takes values, not candidates"):
        wave.project.labels.submit("ann", [full("x1", "red")])
    assert wave.project.labels.submit("ann", [("x1", Label(value=2.0))]) == 1
    assert wave.project.labels.submit("bob", [("x1", Label(value=4.0))]) == 1
    assert wave.project.items.get("x1").item.value == 3.0


def test_the_annotator_name_dataset_is_reserved(blobs: ToyProject, open_item: str) -> None:
    with pytest.raises(Unprocessable, match="the data set itself"):
        blobs.project.labels.submit("dataset", [full(open_item, "red")])


def test_the_same_key_and_labels_are_stored_once(blobs: ToyProject, open_item: str) -> None:
    for _ in range(2):
        assert blobs.project.labels.submit("ann", [full(open_item, "red")], "key") == 1
    assert len(history(blobs)) == 1


def test_the_same_key_with_other_labels_is_a_conflict(blobs: ToyProject, open_item: str) -> None:
    blobs.project.labels.submit("ann", [full(open_item, "red")], "key")
    for annotator, label in (("ann", full(open_item, "blue")), ("bob", full(open_item, "red"))):
        with pytest.raises(Conflict, match="'key' was used before"):
            blobs.project.labels.submit(annotator, [label], "key")
    assert len(history(blobs)) == 1
    assert blobs.project.labels.submit("bob", [full(open_item, "red")], "another") == 1


def test_without_a_key_the_same_labels_are_stored_again(blobs: ToyProject, open_item: str) -> None:
    for _ in range(2):
        blobs.project.labels.submit("ann", [full(open_item, "red")])
    assert len(history(blobs)) == 2


def test_an_empty_submission_is_stored_under_its_key(blobs: ToyProject) -> None:
    assert blobs.project.labels.submit("ann", [], "key") == 0
    assert blobs.project.labels.submit("ann", [], "key") == 0


def test_a_retracted_label_stays_in_the_history(blobs: ToyProject, open_item: str) -> None:
    blobs.project.labels.submit("ann", [full(open_item, "red")])
    blobs.project.labels.submit("ann", [(open_item, Label(retract=True))])
    detail = blobs.project.items.get(open_item)
    assert (detail.item.state, detail.item.candidates, detail.current_labels) == ("open", None, {})
    assert [event.label for event in detail.history] == [Label(candidates=("red",)), Label(retract=True)]
    assert list(detail.history) == history(blobs)


def test_annotators_retract_only_their_own_current_label(blobs: ToyProject, open_item: str) -> None:
    retract = (open_item, Label(retract=True))
    with pytest.raises(Unprocessable, match="no label of yours"):
        blobs.project.labels.submit("ann", [retract])
    blobs.project.labels.submit("ann", [full(open_item, "red")])
    with pytest.raises(Unprocessable, match="no label of yours"):
        blobs.project.labels.submit("bob", [retract])
    with pytest.raises(Unprocessable, match=r"labels\[1\]"):
        blobs.project.labels.submit("ann", [retract, retract])
    assert blobs.project.labels.submit("ann", [retract, full(open_item, "blue"), retract]) == 3
    assert blobs.project.items.get(open_item).current_labels == {}


def test_current_labels_are_resolved(blobs: ToyProject, open_item: str) -> None:
    blobs.project.labels.submit("ann", [full(open_item, "red", "green")])
    blobs.project.labels.submit("bob", [full(open_item, "green", "blue")])
    assert blobs.project.items.get(open_item).item.candidates == ("green",)
    blobs.project.labels.submit("bob", [full(open_item, "blue")])
    assert blobs.project.items.get(open_item).item.candidates is None  # the union is every class
    assert blobs.project.items.get(open_item).current_labels == {
        "ann": Label(candidates=("red", "green")),
        "bob": Label(candidates=("blue",)),
    }


def test_rolled_back_labels_leave_no_trace_in_memory(
    blobs: ToyProject, open_item: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(labels, "record_submission", broken)
        with pytest.raises(OSError, match="full"):
            blobs.project.labels.submit("ann", [full(open_item, "red")], "key")
    assert blobs.project.items.get(open_item).item.state == "open"
    blobs.project.labels.submit("bob", [full(open_item, "blue")])  # gets the id that the other had
    assert blobs.project.items.get(open_item).item.candidates == ("blue",)
    assert history(blobs) == []


def test_two_processes_see_each_others_labels(
    blobs: ToyProject, open_item: str, another: Callable[[ToyProject], ToyProject]
) -> None:
    other = another(blobs)
    assert other.project.items.get(open_item).item.state == "open"
    blobs.project.labels.submit("ann", [full(open_item, "red")])
    assert other.project.items.get(open_item).item.candidates == ("red",)
    other.project.labels.submit("ann", [full(open_item, "blue")])
    assert blobs.project.items.get(open_item).item.candidates == ("blue",)


@pytest.mark.slow
def test_enough_labels_queue_a_training(make: Make) -> None:
    project = make(train={"every": 3}).import_dataset()
    project.answer(project.project.queries.create(2, None, "ann"), "ann")
    assert project.project.status().training is None
    project.answer(project.project.queries.create(2, None, "ann"), "ann")
    training = project.project.status().training
    assert training is not None
    project.answer(project.project.queries.create(4, None, "ann"), "ann")
    assert [(finished.job, finished.kind, finished.state) for finished in project.work()] == [
        (training.job, "train", "succeeded")
    ]
    project.answer(project.project.queries.create(2, None, "ann"), "ann")
    assert project.project.status().training is None


@pytest.mark.slow
def test_labels_during_a_training_queue_the_next(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from nextlabel.engine.training import job

    project, score_and_prepare = make(train={"every": 3}).import_dataset(), job.score_and_prepare
    sizes = iter([3, 2])

    def meanwhile(*arguments: Any, **options: Any) -> Any:
        project.answer(project.project.queries.create(next(sizes), None, "ann"), "ann")
        return score_and_prepare(*arguments, **options)

    project.answer(project.project.queries.create(3, None, "ann"), "ann")
    monkeypatch.setattr(job, "score_and_prepare", meanwhile)
    assert [(finished.kind, finished.state) for finished in project.work()] == [("train", "succeeded")] * 2
    assert project.project.status().until_training == 1


def test_a_failed_training_is_not_queued_at_every_label(make: Make) -> None:
    project = make(train={"every": 2}, learner={"plugin": "toy-failing"}).import_dataset()
    for _ in range(4):
        project.answer(project.project.queries.create(2, None, "ann"), "ann")
        project.work()
    assert [job.state for job in project.engine.jobs() if job.kind == "train"] == ["failed"]


def test_the_history_is_not_ready_before_the_import(make: Make) -> None:
    with pytest.raises(NotReady):
        make().project.labels.history()
