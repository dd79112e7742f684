from __future__ import annotations

import numpy as np
import pytest

from nextlabel.engine.progress.wilson import wilson


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    # 8 of 10 and 0 of 10 are in published tables; 81 of 263 is the example of Newcombe (1998)
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_the_interval_equals_published_ones(right, count, low, high):
    interval = wilson(right / count, count)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-4)


def test_the_interval_contains_the_true_share_in_95_percent():
    rng = np.random.default_rng(0)
    for true, count in ((0.9, 50), (0.5, 20), (0.98, 400)):
        covered = [
            interval.low <= true <= interval.high
            for interval in (wilson(right / count, count) for right in rng.binomial(count, true, 4000))
        ]
        assert 0.92 < np.mean(covered) < 0.98


def test_an_empty_sample_has_no_interval():
    with pytest.raises(ValueError, match="0 items"):
        wilson(0.5, 0)
