"""Random candidate sets: their probabilities, bounds and reproducibility."""

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


def draw(seed: int = 0, size: int = len(TRUTH), **parameters: Any) -> BoolArray:
    return candidate_sets(TRUTH[:size], CLASSES, PartialParameters(**parameters), generator(seed), ALIKE)


def wrong(sets: BoolArray) -> BoolArray:
    """Return (n, C): whether each wrong class is in the set."""
    others = sets.copy()
    others[np.arange(len(sets)), TRUTH[: len(sets)]] = False
    return others


def near(count: int, trials: int, rate: float) -> bool:
    """Return whether `count` is within five standard deviations of a binomial."""
    return abs(count - trials * rate) <= 5 * (trials * rate * (1 - rate)) ** 0.5


@pytest.mark.parametrize("partial", ["uniform", "pair"])
@pytest.mark.parametrize("partial_min", [1, 2])
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.9])
def test_the_true_class_is_always_in_the_set(partial: str, partial_min: int, rate: float) -> None:
    sets = draw(partial_rate=rate, partial=partial, partial_min=partial_min)
    assert (sets.shape, sets.dtype) == ((20_000, 10), np.bool_)
    assert sets[np.arange(len(TRUTH)), TRUTH].all()
    assert sets.sum(axis=1).min() >= partial_min


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_wrong_classes_join_independently_with_the_rate(rate: float) -> None:
    joined = wrong(draw(partial_rate=rate))
    for truth in range(10):
        rows = joined[truth == TRUTH]
        for other in set(range(10)) - {truth}:
            assert near(int(rows[:, other].sum()), len(rows), rate), (truth, other)
    # if the nine wrong classes are independent, this is the share of sets without any
    assert near(int((~joined.any(axis=1)).sum()), len(joined), (1 - rate) ** 9)
    both = joined[TRUTH > 1][:, 0] & joined[TRUTH > 1][:, 1]
    assert near(int(both.sum()), len(both), rate**2)


@pytest.mark.parametrize("rate", [0.1, 0.7])
def test_for_pair_only_the_look_alike_joins(rate: float) -> None:
    joined = wrong(draw(partial_rate=rate, partial="pair"))
    alike = np.array([9, 2, 3, 2, 5, 6, 7, 8, 9, 0])
    assert near(int(joined.sum()), len(TRUTH), rate)
    joined[np.arange(len(TRUTH)), alike[TRUTH]] = False
    assert not joined.any()


def test_the_default_look_alike_is_the_next_class() -> None:
    assert partners(CLASSES, {}).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert partners(CLASSES, ALIKE).tolist() == [9, 2, 3, 2, 5, 6, 7, 8, 9, 0]
    with pytest.raises(KeyError, match="z"):
        partners(CLASSES, {"a": "z"})


def test_a_minimum_of_two_leaves_no_item_fully_labelled() -> None:
    free, forced = (wrong(draw(partial_rate=0.05, partial_min=least)) for least in (1, 2))
    empty = ~free.any(axis=1)
    np.testing.assert_array_equal(free[~empty], forced[~empty])
    assert (forced[empty].sum(axis=1) == 1).all()
    for truth in range(10):
        rows = forced[empty & (truth == TRUTH)]
        for other in set(range(10)) - {truth}:
            assert near(int(rows[:, other].sum()), len(rows), 1 / 9), (truth, other)
    assert (wrong(draw(partial="pair", partial_min=2)).sum(axis=1) == 1).all()


def test_the_seed_decides_the_sets() -> None:
    np.testing.assert_array_equal(draw(3, partial_rate=0.3), draw(3, partial_rate=0.3))
    assert (draw(3, partial_rate=0.3) != draw(4, partial_rate=0.3)).any()
    # the same on every machine
    digest = hashlib.sha256(np.packbits(draw(0, 500, partial_rate=0.3)).tobytes()).hexdigest()
    assert digest[:16] == "f01ed56d4352bc40"


def test_a_larger_rate_only_adds_classes() -> None:
    small, large = draw(partial_rate=0.1), draw(partial_rate=0.5)
    assert (small <= large).all()
    assert (small < large).any()


def test_a_set_may_hold_every_class() -> None:
    sets = draw(partial_rate=0.97)
    assert near(int(sets.all(axis=1).sum()), len(TRUTH), 0.97**9)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"partial_rate": 1.0}, "partial_rate: input should be less than 1, not 1.0"),
        ({"partial_rate": -0.1}, "partial_rate: input should be greater than or equal to 0, not -0.1"),
        ({"partial": "pairs"}, "partial: input should be 'uniform' or 'pair', not 'pairs'"),
        ({"partial_min": 3}, "partial_min: input should be less than or equal to 2, not 3"),
        ({"partial_rates": 0.1}, "no parameter 'partial_rates'; did you mean 'partial_rate'?"),
    ],
)
def test_invalid_parameters_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ProjectError) as refused:
        validate(PartialParameters, parameters, "[dataset]")
    assert message in str(refused.value)


def test_hides_truth() -> None:
    assert not PartialParameters().hides_truth
    assert not validate(PartialParameters, {"partial": "pair"}, "[dataset]").hides_truth
    assert validate(PartialParameters, {"partial_rate": 0.1}, "[dataset]").hides_truth
    assert PartialParameters(partial_min=2).hides_truth
