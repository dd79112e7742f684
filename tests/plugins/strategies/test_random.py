"""Random sampling is even, and asks no model."""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import NoParameters, Pool
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
