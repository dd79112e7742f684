"""Random sampling has equal probabilities and needs no model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nextlabel.contracts import NoParameters, Pool, Strategy
from nextlabel_plugins.strategies.random import Random


def test_all_items_are_equally_likely() -> None:
    strategy, rng = Random(NoParameters()), np.random.default_rng(0)
    counts = np.zeros(20)
    for _ in range(2000):
        counts[strategy.select(Pool(20), 5, rng).positions] += 1
    # expected: 500 times each, with a standard deviation of 19
    assert np.abs(counts - 500).max() < 80


def test_items_are_ordered_by_score() -> None:
    chosen = Random(NoParameters()).select(Pool(100), 30, np.random.default_rng(0))
    assert (np.diff(chosen.scores) <= 0).all()


@pytest.mark.parametrize("kind", [np.uint8, np.bool_, np.int64, np.float32])
def test_scores_of_any_numeric_type_are_ordered(kind: type[np.generic]) -> None:
    class FixedScores(Strategy[NoParameters]):
        def score(self, pool: Pool, rng: np.random.Generator) -> Any:
            return np.array([0, 0, 1], kind)

    chosen = FixedScores(NoParameters()).select(Pool(3), 2, np.random.default_rng(0))
    assert chosen.positions[0] == 2
    assert chosen.scores.tolist() == [1, 0]
