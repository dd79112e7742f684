"""Items mixed into a query: the hold-out, if the data set has no labels, and the control arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from support.engine import ToyProject, full, ids

Make = Callable[..., ToyProject]
UNKNOWN = {"size": 60, "known": False}
"""A data set without any labels."""


def test_the_hold_out_is_mixed_in_if_no_label_is_known(make: Make) -> None:
    project = make(
        dataset={**UNKNOWN, "size": 600}, labels={"initial": 0, "holdout": 0.3, "holdout_max": 40}
    ).import_dataset()
    held = {item.id for item in project.project.items.page(limit=600).items if item.holdout}
    assert 120 < len(held) < 240
    reasons: Counter[str] = Counter()
    for _ in range(12):
        query = project.project.queries.create(20, None, "ann")
        for item in query.items:
            assert (item.reason == "holdout") == (item.id in held)
            reasons[item.reason] += 1
        project.project.labels.submit("ann", [full(item, "red") for item in ids(query)])
    assert reasons["holdout"] == 40
    assert reasons["strategy"] == 200


def test_hold_out_items_are_spread_over_the_pool(make: Make) -> None:
    """A folder's images are often sorted by class, so its first held-out ones are no fair sample."""
    project = make(
        dataset={**UNKNOWN, "size": 600}, labels={"initial": 0, "holdout": 0.5, "holdout_max": 60}
    ).import_dataset()
    query = project.project.queries.create(120, None, "ann")
    positions = [int(item.id[1:]) for item in query.items if item.reason == "holdout"]
    assert len(positions) > 30
    assert max(positions) > 400


def test_a_partial_label_does_not_fill_the_hold_out(make: Make) -> None:
    project = make(dataset=UNKNOWN, labels={"initial": 0, "holdout": 0.5, "holdout_max": 1}).import_dataset()
    held = [item.id for item in project.project.queries.create(60, None, "ann").items if item.reason == "holdout"]
    assert len(held) == 1
    project.project.labels.submit("ann", [full(held[0], "red", "blue")])
    assert [item.id for item in project.project.queries.create(60, None, "bob").items if item.reason == "holdout"] != []


def test_a_hold_out_with_known_labels_is_never_returned(blobs: ToyProject) -> None:
    assert {item.reason for item in blobs.project.queries.create(100).items} == {"strategy"}
    held = {item.id for item in blobs.project.items.page(limit=60).items if item.holdout}
    assert len(held) == 12
    assert not held & set(ids(blobs.project.queries.create(100)))


def test_the_control_arm_has_its_own_order(make: Make) -> None:
    """The order does not depend on the strategy, the model or the labels."""

    def controlled(strategy: str) -> list[str]:
        project = make(labels={"control": 0.5}, strategy={"plugin": strategy}).import_dataset()
        control = []
        for _ in range(6):
            query = project.project.queries.create(4, None, "ann")
            control += [item.id for item in query.items if item.reason == "control"]
            project.answer(query, "ann")
        return control

    one, other = controlled("margin"), controlled("toy-first")
    assert len(one) > 6
    assert one[0] == other[0]
    assert len(set(one) & set(other)) > len(one) / 2


def test_all_of_a_query_can_be_control(make: Make) -> None:
    project = make(labels={"control": 1.0}).import_dataset()
    assert {item.reason for item in project.project.queries.create(42).items} == {"control"}
