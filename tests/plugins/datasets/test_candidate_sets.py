"""Candidate sets: what chance lets join, and what it never does."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from nextlabel.contracts import BoolArray
from nextlabel.contracts.errors import ProjectError
from nextlabel.engine.plugins.parameters import validate
from nextlabel_plugins.datasets.candidate_sets import PartialParameters, candidate_sets, generator, partners

CLASSES = tuple("abcdefghij")
TRUTH = np.arange(20_000) % 10
ALIKE = {"a": "j", "c": "d", "d": "c"}


def drawn(seed: int = 0, size: int = len(TRUTH), **given: Any) -> BoolArray:
    return candidate_sets(TRUTH[:size], CLASSES, PartialParameters(**given), generator(seed), ALIKE)


def wrong(sets: BoolArray) -> BoolArray:
    """Whether each wrong class joined: (n, C), without the true ones."""
    others = sets.copy()
    others[np.arange(len(sets)), TRUTH[: len(sets)]] = False
    return others


def near(count: int, trials: int, rate: float) -> bool:
    """Within five standard deviations of a binomial."""
    return abs(count - trials * rate) <= 5 * (trials * rate * (1 - rate)) ** 0.5


@pytest.mark.parametrize("partial", ["uniform", "pair"])
@pytest.mark.parametrize("partial_min", [1, 2])
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.9])
def test_the_true_class_is_always_inside(partial: str, partial_min: int, rate: float) -> None:
    sets = drawn(partial_rate=rate, partial=partial, partial_min=partial_min)
    assert (sets.shape, sets.dtype) == ((20_000, 10), np.bool_)
    assert sets[np.arange(len(TRUTH)), TRUTH].all()
    assert sets.sum(axis=1).min() >= partial_min


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_wrong_classes_join_with_the_rate_each_by_itself(rate: float) -> None:
    joined = wrong(drawn(partial_rate=rate))
    for truth in range(10):
        rows = joined[truth == TRUTH]
        for other in set(range(10)) - {truth}:
            assert near(int(rows[:, other].sum()), len(rows), rate), (truth, other)
    # of independent ones, nine at a time, the number of sets with none is known too
    assert near(int((~joined.any(axis=1)).sum()), len(joined), (1 - rate) ** 9)
    both = joined[TRUTH > 1][:, 0] & joined[TRUTH > 1][:, 1]
    assert near(int(both.sum()), len(both), rate**2)


@pytest.mark.parametrize("rate", [0.1, 0.7])
def test_pair_lets_none_but_the_look_alike_join(rate: float) -> None:
    joined = wrong(drawn(partial_rate=rate, partial="pair"))
    alike = np.array([9, 2, 3, 2, 5, 6, 7, 8, 9, 0])
    assert near(int(joined.sum()), len(TRUTH), rate)
    joined[np.arange(len(TRUTH)), alike[TRUTH]] = False
    assert not joined.any()


def test_where_no_look_alike_is_named_it_is_the_next_class() -> None:
    assert partners(CLASSES, {}).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert partners(CLASSES, ALIKE).tolist() == [9, 2, 3, 2, 5, 6, 7, 8, 9, 0]
    with pytest.raises(KeyError, match="z"):
        partners(CLASSES, {"a": "z"})


def test_no_item_is_fully_labelled_where_two_are_asked_for() -> None:
    free, forced = (wrong(drawn(partial_rate=0.05, partial_min=least)) for least in (1, 2))
    empty = ~free.any(axis=1)
    np.testing.assert_array_equal(free[~empty], forced[~empty])
    assert (forced[empty].sum(axis=1) == 1).all()
    for truth in range(10):
        rows = forced[empty & (truth == TRUTH)]
        for other in set(range(10)) - {truth}:
            assert near(int(rows[:, other].sum()), len(rows), 1 / 9), (truth, other)
    assert (wrong(drawn(partial="pair", partial_min=2)).sum(axis=1) == 1).all()


def test_the_seed_decides() -> None:
    np.testing.assert_array_equal(drawn(3, partial_rate=0.3), drawn(3, partial_rate=0.3))
    assert (drawn(3, partial_rate=0.3) != drawn(4, partial_rate=0.3)).any()
    # and everywhere the same
    told = hashlib.sha256(np.packbits(drawn(0, 500, partial_rate=0.3)).tobytes()).hexdigest()
    assert told[:16] == "f01ed56d4352bc40"


def test_a_larger_rate_only_adds() -> None:
    small, large = drawn(partial_rate=0.1), drawn(partial_rate=0.5)
    assert (small <= large).all()
    assert (small < large).any()


def test_every_class_may_join() -> None:
    sets = drawn(partial_rate=0.97)
    assert near(int(sets.all(axis=1).sum()), len(TRUTH), 0.97**9)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"partial_rate": 1.0}, "partial_rate: input should be less than 1, not 1.0"),
        ({"partial_rate": -0.1}, "partial_rate: input should be greater than or equal to 0, not -0.1"),
        ({"partial": "pairs"}, "partial: input should be 'uniform' or 'pair', not 'pairs'"),
        ({"partial_min": 3}, "partial_min: input should be less than or equal to 2, not 3"),
        ({"partial_rates": 0.1}, "no parameter 'partial_rates'; did you mean 'partial_rate'?"),
    ],
)
def test_senseless_parameters_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ProjectError) as refused:
        validate(PartialParameters, given, "[dataset]")
    assert said in str(refused.value)


def test_whether_anything_is_hidden() -> None:
    assert not PartialParameters().hidden
    assert not validate(PartialParameters, {"partial": "pair"}, "[dataset]").hidden
    assert validate(PartialParameters, {"partial_rate": 0.1}, "[dataset]").hidden
    assert PartialParameters(partial_min=2).hidden
