"""Leases reserve items for one annotator, for a limited time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from support.engine import SQUARES, ToyProject, full, ids

from nextlabel.store import queries
from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


@pytest.mark.slow
def test_two_annotators_never_get_the_same_item(make: Make, another: Callable[[ToyProject], ToyProject]) -> None:
    """Four annotators in four threads send a thousand queries to two engines that share a database."""
    project = make(dataset={"size": 1400}, labels={"initial": 3, "holdout": 0.0}).import_dataset()
    handed: list[tuple[str, tuple[str, ...]]] = []
    faults: list[BaseException] = []

    def annotate(name: str, side: ToyProject) -> None:
        try:
            for turn in range(250):
                query = side.project.queries.create(1, "toy-first" if turn % 2 else "random", name)
                handed.append((name, tuple(ids(query))))
                side.answer(query, name)
        except BaseException as error:
            faults.append(error)
            raise

    sides = [project, another(project)]
    threads = [threading.Thread(target=annotate, args=(f"person{number}", sides[number % 2])) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    counted = Counter(item for _, items in handed for item in items)
    assert len(handed) == 1000
    assert set(counted.values()) == {1}


@pytest.mark.slow
def test_with_two_answers_each_item_goes_to_two_annotators(make: Make) -> None:
    project = make(dataset={"size": 20}, labels={"initial": 0, "holdout": 0.0, "answers": 2}).import_dataset()
    seen: dict[str, list[str]] = {name: [] for name in ("ann", "bob", "cleo")}
    while True:
        before = sum(map(len, seen.values()))
        for name, items in seen.items():
            query = project.project.queries.create(3, None, name)
            items.extend(ids(query))
            project.answer(query, name)
        if before == sum(map(len, seen.values())):
            break
    assert all(len(set(items)) == len(items) for items in seen.values())
    assert set(Counter(item for items in seen.values() for item in items).values()) == {2}
    assert sum(map(len, seen.values())) == 40


def test_with_two_answers_a_third_annotator_gets_none(make: Make) -> None:
    project = make(dataset={"size": 4}, labels={"initial": 0, "holdout": 0.0, "answers": 2}).import_dataset()
    for name in ("ann", "bob"):
        assert len(ids(project.project.queries.create(4, None, name))) == 4
    assert ids(project.project.queries.create(4, None, "cleo")) == []


def test_own_leases_are_returned_first(blobs: ToyProject) -> None:
    first = blobs.project.queries.create(3, None, "ann")
    assert not set(ids(blobs.project.queries.create(100, None, "bob"))) & set(ids(first))
    again = blobs.project.queries.create(3, None, "ann")
    assert set(ids(again)) == set(ids(first))
    assert again.remaining == 3  # bob holds the rest
    assert {i.id: (i.score, i.reason) for i in again.items} == {i.id: (i.score, i.reason) for i in first.items}


def test_new_items_follow_own_leases(blobs: ToyProject) -> None:
    first = blobs.project.queries.create(2, None, "ann")
    second = blobs.project.queries.create(5, None, "ann")
    assert set(ids(second)[:2]) == set(ids(first))
    assert len(set(ids(second))) == 5
    assert blobs.project.queries.create(1, None, "ann").remaining == 42


def test_leased_items_that_others_closed_are_not_returned(blobs: ToyProject) -> None:
    first = blobs.project.queries.create(2, None, "ann")
    blobs.project.labels.submit("bob", [full(ids(first)[0], "red")])
    assert ids(first)[0] not in ids(blobs.project.queries.create(2, None, "ann"))
    assert ids(first)[1] in ids(blobs.project.queries.create(2, None, "ann"))


@pytest.mark.slow
def test_leased_items_without_scores_are_not_returned_yet(make: Make, image: Callable[[int], bytes]) -> None:
    project = make(SQUARES).import_dataset().train().train()
    (added,) = project.add_images([image(1)])
    project.work()
    held = ids(project.project.queries.create(100, None, "ann"))
    assert added in held
    project.project.models.promote("r1")  # its scores are older than the image
    again = ids(project.project.queries.create(100, None, "ann"))
    assert sorted([*again, added]) == sorted(held)
    project.work()
    assert sorted(ids(project.project.queries.create(100, None, "ann"))) == sorted(held)


def test_nothing_is_leased_without_an_annotator(blobs: ToyProject) -> None:
    everything = ids(blobs.project.queries.create(100))
    assert len(everything) == 42
    assert sorted(ids(blobs.project.queries.create(100, None, "ann"))) == sorted(everything)
    assert ids(blobs.project.queries.create(100)) == []


@pytest.mark.slow
def test_an_expired_lease_frees_the_item(make: Make) -> None:
    project = make(labels={"lease": 1.0}).import_dataset()
    held = ids(project.project.queries.create(42, None, "ann"))
    assert ids(project.project.queries.create(42, None, "bob")) == []
    time.sleep(1.05)
    assert sorted(ids(project.project.queries.create(42, None, "bob"))) == sorted(held)
    assert ids(project.project.queries.create(42, None, "ann")) == []


def test_a_renewed_lease_expires_later(blobs: ToyProject) -> None:
    def expires() -> float:
        blobs.project.queries.create(1, None, "ann")
        with blobs.services.database.read() as connection:
            (lease,) = queries.leases(connection, "toy", time.time())
        return lease.expires

    first = expires()
    assert expires() > first


@pytest.mark.slow
def test_the_project_overrides_the_lease_time_of_the_settings(make: Make) -> None:
    for tables, seconds in (({}, 50.0), ({"labels": {"lease": 9.0}}, 9.0)):
        project = make(settings={"lease_seconds": 50.0}, **tables).import_dataset()
        before = time.time()
        project.project.queries.create(1, None, "ann")
        with project.services.database.read() as connection:
            (lease,) = queries.leases(connection, "toy", before)
        assert before + seconds <= lease.expires <= time.time() + seconds


@pytest.mark.parametrize("which", [0, 1])
def test_a_released_query_frees_its_items(blobs: ToyProject, which: int) -> None:
    """The query may be the one that leased them first, or a later one that renewed the leases."""
    created = [blobs.project.queries.create(3, None, "ann") for _ in range(2)]
    assert blobs.project.queries.release(created[which].query) == 3
    assert blobs.project.queries.release(created[which].query) == 0
    assert set(ids(created[0])) <= set(ids(blobs.project.queries.create(100, None, "bob")))


def test_a_label_frees_its_item(make: Make) -> None:
    project = make(labels={"answers": 2}).import_dataset()
    first = project.project.queries.create(1, None, "ann")
    project.answer(first, "ann")
    with project.services.database.read() as connection:
        assert queries.leases(connection, "toy", time.time()) == []


def test_a_skipped_item_goes_to_other_annotators_only(blobs: ToyProject) -> None:
    query = blobs.project.queries.create(2, None, "ann")
    skipped, other = ids(query)
    blobs.project.labels.submit("ann", [(skipped, Label(skip=True))])
    assert skipped not in ids(blobs.project.queries.create(100, None, "ann"))
    blobs.project.queries.release("toy-2")
    assert {skipped} <= set(ids(blobs.project.queries.create(100, None, "bob")))
    assert skipped not in ids(blobs.project.queries.create(100))  # no annotator: an item that was skipped is left out
    assert blobs.project.items.get(skipped).item.state == "skipped"
    assert other


def test_a_retracted_label_opens_the_item_again(blobs: ToyProject) -> None:
    (item,) = ids(blobs.project.queries.create(1, None, "ann"))
    blobs.project.labels.submit("ann", [full(item, "red")])
    assert item not in ids(blobs.project.queries.create(100))
    blobs.project.labels.submit("ann", [(item, Label(retract=True))])
    assert item in ids(blobs.project.queries.create(100))


def test_a_partial_label_leaves_the_item_open_for_others(blobs: ToyProject) -> None:
    (item,) = ids(blobs.project.queries.create(1, None, "ann"))
    blobs.project.labels.submit("ann", [full(item, "red", "blue")])
    assert blobs.project.items.get(item).item.state == "open"
    assert item not in ids(blobs.project.queries.create(100, None, "ann"))
    blobs.project.queries.release("toy-2")
    assert item in ids(blobs.project.queries.create(100, None, "bob"))
    assert item not in ids(blobs.project.queries.create(100, None, "cleo"))  # leased to one annotator at a time
    blobs.project.labels.submit("bob", [full(item, "blue", "green")])
    detail = blobs.project.items.get(item).item
    assert (detail.state, detail.candidates) == ("labelled", ("blue",))


def test_scores_of_partial_labels_are_renormalised(blobs: ToyProject) -> None:
    blobs.train()
    query = blobs.project.queries.create(42, "margin")
    item = query.items[0]
    prediction = blobs.project.models.predict_ids([item.id]).predictions[0]
    assert prediction.probabilities is not None
    best, second, third = prediction.probabilities
    blobs.project.labels.submit("ann", [full(item.id, second, third)])
    again = next(other for other in blobs.project.queries.create(42, "margin").items if other.id == item.id)
    total = prediction.probabilities[second] + prediction.probabilities[third]
    expected = 1 - (prediction.probabilities[second] - prediction.probabilities[third]) / total
    assert again.score == pytest.approx(expected, abs=1e-5)
    assert again.suggestion is not None
    assert again.suggestion.label == second != best
    assert again.suggestion.probability == pytest.approx(prediction.probabilities[second] / total, abs=1e-5)


def test_sets_of_the_data_set_count_without_a_model(make: Make) -> None:
    project = make(dataset={"sets": 0.5}, labels={"initial": 0}).import_dataset()
    query = project.project.queries.create(48, "least-confidence")
    scores = {item.id: item.score for item in query.items}
    for item in project.project.items.page(limit=60).items:
        if not item.holdout:
            size = len(item.candidates) if item.candidates else 3
            assert scores[item.id] == pytest.approx(-1 / size, abs=1e-6) or scores[item.id] == pytest.approx(
                1 - 1 / size
            )
