"""The largest standard deviation is queried first."""

from __future__ import annotations

import numpy as np

from nextlabel.contracts import NoParameters, Pool
from nextlabel_plugins.strategies.largest_std import LargestStd


def test_the_largest_deviations_are_chosen_in_order() -> None:
    deviations = np.random.default_rng(0).random(50)
    chosen = LargestStd(NoParameters()).select(Pool(50, {"std": deviations}), 7, np.random.default_rng(0))
    assert chosen.positions.tolist() == sorted(range(50), key=lambda i: -deviations[i])[:7]
    assert chosen.scores.tolist() == sorted(deviations, reverse=True)[:7]
