from __future__ import annotations

import numpy as np
import pytest

from nextlabel.engine.progress.wilson import wilson


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    # 8 of 10 and 0 of 10 as published tables have them; 81 of 263 is the example of Newcombe (1998)
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_it_is_the_published_one(right, count, low, high):
    found = wilson(right / count, count)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_it_holds_the_true_share_19_times_of_20():
    rng = np.random.default_rng(0)
    for true, count in ((0.9, 50), (0.5, 20), (0.98, 400)):
        held = [
            found.low <= true <= found.high
            for found in (wilson(right / count, count) for right in rng.binomial(count, true, 4000))
        ]
        assert 0.92 < np.mean(held) < 0.98


def test_of_nothing_there_is_none():
    with pytest.raises(ValueError, match="0 items"):
        wilson(0.5, 0)
