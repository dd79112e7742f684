"""Random sampling is even, and asks no model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nextlabel.contracts import NoParameters, Pool, Strategy
from nextlabel_plugins.strategies.random import Random


def test_every_item_is_as_likely_as_the_others() -> None:
    strategy, rng = Random(NoParameters()), np.random.default_rng(0)
    asked = np.zeros(20)
    for _ in range(2000):
        asked[strategy.select(Pool(20), 5, rng).positions] += 1
    # 500 times each, with a deviation of 19
    assert np.abs(asked - 500).max() < 80


def test_the_score_is_the_order() -> None:
    chosen = Random(NoParameters()).select(Pool(100), 30, np.random.default_rng(0))
    assert (np.diff(chosen.scores) <= 0).all()


@pytest.mark.parametrize("kind", [np.uint8, np.bool_, np.int64, np.float32])
def test_scores_of_any_numbers_are_ordered_by_their_size(kind: type[np.generic]) -> None:
    class Given(Strategy[NoParameters]):
        def score(self, pool: Pool, rng: np.random.Generator) -> Any:
            return np.array([0, 0, 1], kind)

    chosen = Given(NoParameters()).select(Pool(3), 2, np.random.default_rng(0))
    assert chosen.positions[0] == 2
    assert chosen.scores.tolist() == [1, 0]
