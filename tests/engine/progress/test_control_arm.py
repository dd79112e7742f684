from __future__ import annotations

import numpy as np

from nextlabel.engine.progress.control_arm import control, reasons
from nextlabel.engine.progress.wilson import wilson
from nextlabel.store.queries import Chosen


def chosen(*pairs: tuple[int, str]) -> tuple[Chosen, ...]:
    return tuple(Chosen(position, 0.0, reason) for position, reason in pairs)


def test_each_arm_is_counted_separately():
    why = reasons([chosen((1, "strategy"), (2, "control")), chosen((3, "control"), (4, "strategy"), (9, "holdout"))])
    assert why == {1: "strategy", 2: "control", 3: "control", 4: "strategy"}
    comparison = control("r2", why, {4}, np.array([1, 2, 3, 4, 8]), np.array([False, True, False, True, True]))
    assert comparison.checkpoint == "r2"
    assert (comparison.arms["control"].items, comparison.arms["control"].right) == (2, 1)
    assert comparison.arms["control"].interval == wilson(0.5, 2)
    # item 4 had a label before, which the checkpoint may have been trained on
    assert (comparison.arms["strategy"].items, comparison.arms["strategy"].right) == (1, 0)


def test_an_item_queried_twice_counts_for_the_last_reason():
    assert reasons([chosen((1, "control")), chosen((1, "strategy"))]) == {1: "strategy"}


def test_an_arm_without_labels_is_left_out():
    assert control("r1", {}, (), np.empty(0, int), np.empty(0, bool)).arms == {}
