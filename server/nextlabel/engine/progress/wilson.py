"""The Wilson confidence interval of a proportion."""

from __future__ import annotations

from math import sqrt

from nextlabel.engine.progress.progress_records import Interval

_Z = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


def wilson(share: float, count: int) -> Interval:
    """Return the 95 % confidence interval of a `share` (0..1) of `count` items drawn at random.

    The score interval (Wilson 1927) also holds near 0 and 1 and for few items, unlike the share
    plus and minus two standard errors. Raises ValueError unless `count` is positive.
    """
    if count <= 0:
        raise ValueError(f"a share of {count} items has no interval")
    spread = _Z**2 / count
    middle = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * sqrt(share * (1 - share) / count + spread / (4 * count))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))
