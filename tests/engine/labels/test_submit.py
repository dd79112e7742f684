"""Labels: all or nothing, once for each key, never forgotten."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from support.engine import WAVE, ToyProject, full

from nextlabel.contracts.errors import Conflict, NotReady, Unprocessable
from nextlabel.engine.records import HistoryRow
from nextlabel.store import labels
from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


@pytest.fixture
def open_item(blobs: ToyProject) -> str:
    """An item nobody spoke of."""
    return blobs.project.queries.create(1, "toy-first").items[0].id


def said(project: ToyProject, annotator: str = "ann") -> list[HistoryRow]:
    return [row for row in project.project.labels.history() if row.annotator == annotator]


def test_labels_are_stored_in_the_order_given(blobs: ToyProject, open_item: str) -> None:
    assert (
        blobs.project.labels.submit("ann", [full(open_item, "blue", "red"), (open_item, Label(skip=True))], "key") == 2
    )
    first, second = said(blobs)
    assert (first.id, first.candidates, first.skip, first.retract, first.key) == (
        open_item,
        ("red", "blue"),
        False,
        False,
        "key",
    )
    assert (second.candidates, second.skip) == (None, True)
    assert blobs.project.items.get(open_item).item.state == "skipped"


def test_every_fault_is_listed_and_nothing_is_stored(blobs: ToyProject, open_item: str) -> None:
    given = [
        full(open_item, "red"),
        full("p999", "red"),
        full(open_item, "rde"),
        full(open_item),
        full(open_item, "red", "red"),
        (open_item, Label(value=1.0)),
        (open_item, Label()),
        (open_item, Label(candidates=("red",), skip=True)),
    ]
    before = len(list(blobs.project.labels.history()))
    with pytest.raises(Unprocessable) as caught:
        blobs.project.labels.submit("ann", given, "key")
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [f"labels[{n}]" for n in range(1, 8)]
    assert "no item 'p999'" in caught.value.faults[0]
    assert "did you mean 'red'? valid: red, green, blue" in caught.value.faults[1]
    assert "needs at least one class" in caught.value.faults[2]
    assert "stands twice" in caught.value.faults[3]
    assert "takes candidates, not values" in caught.value.faults[4]
    assert "say one of" in caught.value.faults[5]
    assert "say one of" in caught.value.faults[6]
    assert "7 of the labels" in str(caught.value)
    assert len(list(blobs.project.labels.history())) == before
    # and the key is free
    assert blobs.project.labels.submit("ann", [full(open_item, "red")], "key") == 1


def test_values_must_be_finite_and_alone(make: Make) -> None:
    wave = make(WAVE, name="wave").bring()
    for value in (math.nan, math.inf):
        with pytest.raises(Unprocessable, match="finite"):
            wave.project.labels.submit("ann", [("x1", Label(value=value))])
    with pytest.raises(Unprocessable, match="takes values, not candidates"):
        wave.project.labels.submit("ann", [full("x1", "red")])
    assert wave.project.labels.submit("ann", [("x1", Label(value=2.0))]) == 1
    assert wave.project.labels.submit("bob", [("x1", Label(value=4.0))]) == 1
    assert wave.project.items.get("x1").item.value == 3.0


def test_the_data_sets_own_name_is_not_for_people(blobs: ToyProject, open_item: str) -> None:
    with pytest.raises(Unprocessable, match="the data set itself"):
        blobs.project.labels.submit("dataset", [full(open_item, "red")])


def test_the_same_key_and_labels_are_stored_once(blobs: ToyProject, open_item: str) -> None:
    for _ in range(2):
        assert blobs.project.labels.submit("ann", [full(open_item, "red")], "key") == 1
    assert len(said(blobs)) == 1


def test_the_same_key_with_other_labels_is_a_conflict(blobs: ToyProject, open_item: str) -> None:
    blobs.project.labels.submit("ann", [full(open_item, "red")], "key")
    for annotator, label in (("ann", full(open_item, "blue")), ("bob", full(open_item, "red"))):
        with pytest.raises(Conflict, match="'key' was used before"):
            blobs.project.labels.submit(annotator, [label], "key")
    assert len(said(blobs)) == 1
    assert blobs.project.labels.submit("bob", [full(open_item, "red")], "another") == 1


def test_without_a_key_the_same_labels_are_stored_again(blobs: ToyProject, open_item: str) -> None:
    for _ in range(2):
        blobs.project.labels.submit("ann", [full(open_item, "red")])
    assert len(said(blobs)) == 2


def test_nothing_at_all_may_be_said(blobs: ToyProject) -> None:
    assert blobs.project.labels.submit("ann", [], "key") == 0
    assert blobs.project.labels.submit("ann", [], "key") == 0


def test_a_retracted_label_is_gone_from_the_targets_and_still_in_the_history(blobs: ToyProject, open_item: str) -> None:
    blobs.project.labels.submit("ann", [full(open_item, "red")])
    blobs.project.labels.submit("ann", [(open_item, Label(retract=True))])
    detail = blobs.project.items.get(open_item)
    assert (detail.item.state, detail.item.candidates, detail.voices) == ("open", None, ())
    assert [(row.candidates, row.retract) for row in detail.history] == [(("red",), False), (None, True)]
    assert [(row.candidates, row.retract) for row in said(blobs)] == [(("red",), False), (None, True)]


def test_only_ones_own_standing_label_is_retracted(blobs: ToyProject, open_item: str) -> None:
    retract = (open_item, Label(retract=True))
    with pytest.raises(Unprocessable, match="no label of yours"):
        blobs.project.labels.submit("ann", [retract])
    blobs.project.labels.submit("ann", [full(open_item, "red")])
    with pytest.raises(Unprocessable, match="no label of yours"):
        blobs.project.labels.submit("bob", [retract])
    with pytest.raises(Unprocessable, match=r"labels\[1\]"):
        blobs.project.labels.submit("ann", [retract, retract])
    assert blobs.project.labels.submit("ann", [retract, full(open_item, "blue"), retract]) == 3
    assert blobs.project.items.get(open_item).voices == ()


def test_voices_are_resolved(blobs: ToyProject, open_item: str) -> None:
    blobs.project.labels.submit("ann", [full(open_item, "red", "green")])
    blobs.project.labels.submit("bob", [full(open_item, "green", "blue")])
    assert blobs.project.items.get(open_item).item.candidates == ("green",)
    blobs.project.labels.submit("bob", [full(open_item, "blue")])
    assert blobs.project.items.get(open_item).item.candidates is None  # the union: anything
    assert {voice.annotator: voice.candidates for voice in blobs.project.items.get(open_item).voices} == {
        "ann": ("red", "green"),
        "bob": ("blue",),
    }


def test_labels_that_are_rolled_back_leave_no_trace_in_memory(
    blobs: ToyProject, open_item: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(labels, "record_submission", broken)
        with pytest.raises(OSError, match="full"):
            blobs.project.labels.submit("ann", [full(open_item, "red")], "key")
    assert blobs.project.items.get(open_item).item.state == "open"
    blobs.project.labels.submit("bob", [full(open_item, "blue")])  # gets the number the other had
    assert blobs.project.items.get(open_item).item.candidates == ("blue",)
    assert said(blobs) == []


def test_two_processes_see_each_others_labels(
    blobs: ToyProject, open_item: str, another: Callable[[ToyProject], ToyProject]
) -> None:
    other = another(blobs)
    assert other.project.items.get(open_item).item.state == "open"
    blobs.project.labels.submit("ann", [full(open_item, "red")])
    assert other.project.items.get(open_item).item.candidates == ("red",)
    other.project.labels.submit("ann", [full(open_item, "blue")])
    assert blobs.project.items.get(open_item).item.candidates == ("blue",)


def test_so_many_labels_queue_a_training(make: Make) -> None:
    project = make(train={"every": 3}).bring()
    project.answer(project.project.queries.create(2, None, "ann"), "ann")
    assert project.project.status().training is None
    project.answer(project.project.queries.create(2, None, "ann"), "ann")
    job = project.project.status().training
    assert job is not None
    project.answer(project.project.queries.create(4, None, "ann"), "ann")
    assert [(one.job, one.kind, one.state) for one in project.work()] == [(job, "train", "succeeded")]
    project.answer(project.project.queries.create(2, None, "ann"), "ann")
    assert project.project.status().training is None


def test_labels_that_come_during_a_training_queue_the_next(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from nextlabel.engine.training import job

    project, score_pool = make(train={"every": 3}).bring(), job.score_pool
    given = iter([3, 2])

    def meanwhile(*told: Any) -> Any:
        project.answer(project.project.queries.create(next(given), None, "ann"), "ann")
        return score_pool(*told)

    project.answer(project.project.queries.create(3, None, "ann"), "ann")
    monkeypatch.setattr(job, "score_pool", meanwhile)
    assert [(one.kind, one.state) for one in project.work()] == [("train", "succeeded")] * 2
    assert project.project.standing().until_training == 1


def test_a_training_that_failed_is_not_queued_again_at_every_label(make: Make) -> None:
    project = make(train={"every": 2}, learner={"plugin": "toy-failing"}).bring()
    for _ in range(4):
        project.answer(project.project.queries.create(2, None, "ann"), "ann")
        project.work()
    assert [job.state for job in project.engine.jobs() if job.kind == "train"] == ["failed"]


def test_the_history_is_refused_before_it_is_read(make: Make) -> None:
    with pytest.raises(NotReady):
        make().project.labels.history()
