"""Annotators who confuse look-alikes: all kinds have the same doubts."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from nextlabel.contracts.data import GraphItems, VectorItems
from nextlabel.contracts.errors import NotFound, ProjectError
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.simulation.annotators import KINDS, Annotator, label_quality, nearest_pairs, validate_groups
from nextlabel.store.labels import Label

CLASSES = ("a", "b", "c", "d", "e", "f")
GROUPS = (("a", "b"), ("c", "d", "e"))
ITEMS = [(f"item-{number}", CLASSES[number % 6]) for number in range(6000)]
RATE = 0.4


def annotators(seed=0, rate=RATE):
    return {kind: Annotator(kind, seed, rate, GROUPS) for kind in KINDS}


def is_near(count, trials, probability):
    """Whether a binomial count is within four standard deviations of its mean."""
    return abs(count - trials * probability) < 4 * sqrt(trials * probability * (1 - probability))


def test_items_with_look_alikes_are_in_doubt_at_the_rate():
    kinds = annotators()
    for group in GROUPS:
        for name in group:
            items = [identity for identity, truth in ITEMS if truth == name]
            doubts = sum(kinds["forced"].in_doubt(identity, name) for identity in items)
            assert is_near(doubts, len(items), RATE), name
    assert not any(kinds["sets"].in_doubt(identity, "f") for identity, _ in ITEMS)


def test_all_kinds_have_the_same_doubts():
    kinds = annotators()
    for identity, truth in ITEMS:
        exact, forced, habit, skips, sets = (kinds[kind].label(identity, truth) for kind in KINDS)
        assert exact == Label(candidates=(truth,))
        if kinds["sets"].in_doubt(identity, truth):
            assert skips == Label(skip=True)
            assert sets.candidates in GROUPS
            assert truth in sets.candidates
            assert {*forced.candidates, *habit.candidates} <= set(sets.candidates)
            assert len(forced.candidates) == len(habit.candidates) == 1
        else:
            assert exact == forced == habit == skips == sets


def test_forced_labels_are_uniform_over_the_group():
    forced = annotators()["forced"]
    for group in GROUPS:
        for truth in group:
            doubts = [identity for identity, name in ITEMS if name == truth and forced.in_doubt(identity, truth)]
            named = [forced.label(identity, truth).candidates[0] for identity in doubts]
            assert all(is_near(named.count(name), len(doubts), 1 / len(group)) for name in group)


def test_forced_labels_are_wrong_at_the_expected_rate():
    forced = annotators()["forced"]
    for group in GROUPS:
        items = [(identity, truth) for identity, truth in ITEMS if truth in group]
        errors = sum(forced.label(identity, truth).candidates != (truth,) for identity, truth in items)
        assert is_near(errors, len(items), RATE * (1 - 1 / len(group)))


def test_a_habit_is_one_class_per_group_and_depends_on_the_seed():
    favourites = set()
    for seed in range(12):
        habit = annotators(seed)["habit"]
        named = {
            habit.label(i, truth).candidates for i, truth in ITEMS[:600] if truth in "ab" and habit.in_doubt(i, truth)
        }
        assert len(named) == 1
        favourites |= named
    assert favourites == {("a",), ("b",)}


@pytest.mark.slow
def test_labels_depend_on_seed_and_item_alone():
    def labels(seed, items):
        forced = annotators(seed)["forced"]
        return {identity: forced.label(identity, truth) for identity, truth in items}

    assert labels(3, ITEMS) == labels(3, reversed(ITEMS))
    assert labels(3, ITEMS) != labels(4, ITEMS)


@pytest.mark.slow
def test_items_in_doubt_are_also_in_doubt_at_higher_rates():
    doubts = [
        {identity for identity, truth in ITEMS if annotators(rate=rate)["sets"].in_doubt(identity, truth)}
        for rate in (0.0, 0.2, 0.5, 1.0)
    ]
    assert doubts[0] == set()
    assert doubts[0] < doubts[1] < doubts[2] < doubts[3]
    assert len(doubts[3]) == 5000


def test_guesses_are_independent_of_doubts():
    """Among items in doubt at a low rate, guesses are as evenly distributed as at a high rate."""
    low, high = (annotators(rate=rate)["forced"] for rate in (0.1, 1.0))
    items = [identity for identity, truth in ITEMS if truth == "a"]
    doubtful = [identity for identity in items if low.in_doubt(identity, "a")]
    right = sum(high.label(identity, "a").candidates == ("a",) for identity in doubtful)
    assert is_near(right, len(doubtful), 0.5)


def test_an_unknown_kind_is_an_error():
    with pytest.raises(NotFound, match="forced"):
        Annotator("force")


@pytest.mark.parametrize(
    ("label", "quality"),
    [
        (Label(candidates=("a",)), "full"),
        (Label(candidates=("b",)), "wrong"),
        (Label(candidates=("a", "b")), "partial"),
        (Label(candidates=("b", "c")), "wrong"),
        (Label(candidates=CLASSES), "blank"),
        (Label(skip=True), "blank"),
    ],
)
def test_label_quality(label, quality):
    assert label_quality(label, "a", CLASSES) == quality


def test_groups_are_in_the_order_of_the_classes():
    assert validate_groups([["e", "c"], ["b", "a"]], CLASSES) == (("c", "e"), ("a", "b"))


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ([["a", "x"]], NotFound, "no class"),
        ([["a", "b"], ["b", "c"]], ProjectError, "'b' occurs twice"),
        ([["a"]], ProjectError, "two or more classes"),
    ],
)
def test_invalid_groups(groups, error, message):
    with pytest.raises(error, match=message):
        validate_groups(groups, CLASSES)


def features(count):
    """Classes at 0, 10, 1, 11 and 100 on a line, one after another."""
    centres = np.array([0, 10, 1, 11, 100], np.float32)
    return (centres[np.arange(count) % 5] + np.linspace(-0.2, 0.2, count, dtype=np.float32))[:, None]


@pytest.mark.parametrize("kind", ["vectors", "graph", "images"])
def test_classes_with_the_nearest_means_are_look_alikes(kind):
    rows = features(3000)  # more than a batch
    if kind == "graph":
        items = GraphItems(rows, np.zeros((2, 0), np.int64))
    elif kind == "vectors":
        items = VectorItems(rows)
    else:
        items = PixelItems(np.broadcast_to(np.rint(rows * 2).astype(np.uint8)[:, :, None], (3000, 2, 2)).copy())
    positions = np.arange(3000)
    # 0 and 1 are as far apart as 10 and 11; 100 is left over
    pairs = nearest_pairs(items, positions, positions % 5, CLASSES)
    assert sorted(pairs) == [("a", "c"), ("b", "d")]


def test_means_are_over_the_passed_positions_only():
    items = VectorItems(np.array([[0], [1], [10], [11], [10], [0]], np.float32))
    first = np.array([0, 1, 2, 3])
    assert nearest_pairs(items, first, first, CLASSES) == (("a", "b"), ("c", "d"))
    assert nearest_pairs(items, np.array([0, 4, 2, 3]), first, CLASSES) == (("b", "c"), ("a", "d"))
    # a class without an item has no look-alike
    assert nearest_pairs(items, np.array([0, 3]), np.array([1, 4]), CLASSES) == (("b", "e"),)
