"""Annotators who confuse look-alikes: the same doubts for all, and answers worth what they say."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from nextlabel.contracts.data import GraphItems, VectorItems
from nextlabel.contracts.errors import NotFound, ProjectError
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.simulation.annotators import KINDS, Annotator, checked_groups, nearest_pairs, what_was_said
from nextlabel.store.labels import Label

CLASSES = ("a", "b", "c", "d", "e", "f")
GROUPS = (("a", "b"), ("c", "d", "e"))
ITEMS = [(f"item-{number}", CLASSES[number % 6]) for number in range(6000)]
RATE = 0.4


def annotators(seed=0, rate=RATE):
    return {kind: Annotator(kind, seed, rate, GROUPS) for kind in KINDS}


def within(count, of, expected):
    """Four standard deviations of a binomial count."""
    return abs(count - of * expected) < 4 * sqrt(of * expected * (1 - expected))


def test_who_is_in_doubt():
    kinds = annotators()
    for group in GROUPS:
        for name in group:
            mine = [identity for identity, truth in ITEMS if truth == name]
            doubts = sum(kinds["forced"].in_doubt(identity, name) for identity in mine)
            assert within(doubts, len(mine), RATE), name
    assert not any(kinds["sets"].in_doubt(identity, "f") for identity, _ in ITEMS)


def test_everyone_has_the_same_doubts():
    kinds = annotators()
    for identity, truth in ITEMS:
        exact, forced, habit, skips, sets = (kinds[kind].answer(identity, truth) for kind in KINDS)
        assert exact == Label(candidates=(truth,))
        if kinds["sets"].in_doubt(identity, truth):
            assert skips == Label(skip=True)
            assert sets.candidates in GROUPS
            assert truth in sets.candidates
            assert {*forced.candidates, *habit.candidates} <= set(sets.candidates)
            assert len(forced.candidates) == len(habit.candidates) == 1
        else:
            assert exact == forced == habit == skips == sets


def test_a_forced_answer_is_any_of_the_group_as_likely():
    forced = annotators()["forced"]
    for group in GROUPS:
        for truth in group:
            doubts = [identity for identity, name in ITEMS if name == truth and forced.in_doubt(identity, truth)]
            named = [forced.answer(identity, truth).candidates[0] for identity in doubts]
            assert all(within(named.count(name), len(doubts), 1 / len(group)) for name in group)


def test_a_forced_annotator_errs_as_often_as_reckoned():
    forced = annotators()["forced"]
    for group in GROUPS:
        mine = [(identity, truth) for identity, truth in ITEMS if truth in group]
        errors = sum(forced.answer(identity, truth).candidates != (truth,) for identity, truth in mine)
        assert within(errors, len(mine), RATE * (1 - 1 / len(group)))


def test_a_habit_names_one_class_of_the_group_and_not_the_same_with_every_seed():
    favourites = set()
    for seed in range(12):
        habit = annotators(seed)["habit"]
        named = {
            habit.answer(i, truth).candidates for i, truth in ITEMS[:600] if truth in "ab" and habit.in_doubt(i, truth)
        }
        assert len(named) == 1
        favourites |= named
    assert favourites == {("a",), ("b",)}


def test_doubts_follow_from_seed_and_item_alone():
    def said(seed, items):
        forced = annotators(seed)["forced"]
        return {identity: forced.answer(identity, truth) for identity, truth in items}

    assert said(3, ITEMS) == said(3, reversed(ITEMS))
    assert said(3, ITEMS) != said(4, ITEMS)


def test_what_is_in_doubt_stays_so_at_a_higher_rate():
    doubts = [
        {identity for identity, truth in ITEMS if annotators(rate=rate)["sets"].in_doubt(identity, truth)}
        for rate in (0.0, 0.2, 0.5, 1.0)
    ]
    assert doubts[0] == set()
    assert doubts[0] < doubts[1] < doubts[2] < doubts[3]
    assert len(doubts[3]) == 5000


def test_guesses_do_not_follow_from_doubts():
    """The items in doubt at a low rate are no more often guessed one way than those at a high rate."""
    low, high = (annotators(rate=rate)["forced"] for rate in (0.1, 1.0))
    mine = [identity for identity, truth in ITEMS if truth == "a"]
    few = [identity for identity in mine if low.in_doubt(identity, "a")]
    firsts = sum(high.answer(identity, "a").candidates == ("a",) for identity in few)
    assert within(firsts, len(few), 0.5)


def test_an_unknown_kind_is_refused():
    with pytest.raises(NotFound, match="forced"):
        Annotator("force")


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (Label(candidates=("a",)), "full"),
        (Label(candidates=("b",)), "wrong"),
        (Label(candidates=("a", "b")), "partial"),
        (Label(candidates=("b", "c")), "wrong"),
        (Label(candidates=CLASSES), "blank"),
        (Label(skip=True), "blank"),
    ],
)
def test_what_an_answer_is_worth(label, said):
    assert what_was_said(label, "a", CLASSES) == said


def test_groups_stand_in_the_order_of_the_classes():
    assert checked_groups([["e", "c"], ["b", "a"]], CLASSES) == (("c", "e"), ("a", "b"))


@pytest.mark.parametrize(
    ("groups", "error", "words"),
    [
        ([["a", "x"]], NotFound, "no class"),
        ([["a", "b"], ["b", "c"]], ProjectError, "'b' stands twice"),
        ([["a"]], ProjectError, "two classes or more"),
    ],
)
def test_groups_that_make_no_sense(groups, error, words):
    with pytest.raises(error, match=words):
        checked_groups(groups, CLASSES)


def features(count):
    """Classes at 0, 10, 1, 11 and 100 on a line, one after another."""
    centres = np.array([0, 10, 1, 11, 100], np.float32)
    return (centres[np.arange(count) % 5] + np.linspace(-0.2, 0.2, count, dtype=np.float32))[:, None]


@pytest.mark.parametrize("kind", ["vectors", "graph", "images"])
def test_the_nearest_means_are_look_alikes(kind):
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


def test_only_the_items_given_are_looked_at():
    items = VectorItems(np.array([[0], [1], [10], [11], [10], [0]], np.float32))
    seen = np.array([0, 1, 2, 3])
    assert nearest_pairs(items, seen, seen, CLASSES) == (("a", "b"), ("c", "d"))
    assert nearest_pairs(items, np.array([0, 4, 2, 3]), seen, CLASSES) == (("b", "c"), ("a", "d"))
    # a class without an item has no look-alike
    assert nearest_pairs(items, np.array([0, 3]), np.array([1, 4]), CLASSES) == (("b", "e"),)
