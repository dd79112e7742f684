"""Decides when a prediction is uncertain, and between which classes, for every page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MIN_PROBABILITY = 0.5
"""A prediction is uncertain if its most probable class has less."""
MIN_LEAD = 0.2
"""A prediction is uncertain if its most probable class leads the second by less."""
LISTED_PROBABILITY = 0.8
"""Total probability that the listed classes should reach."""
MAX_LISTED = 3
"""Largest number of listed classes."""


@dataclass(frozen=True)
class Uncertainty:
    """The classes that an uncertain prediction is split between, most probable first."""

    classes: tuple[str, ...]
    others: bool
    """True if the listed classes do not reach `LISTED_PROBABILITY`, so another class is plausible."""


def uncertainty(probabilities: Mapping[str, float]) -> Uncertainty | None:
    """Return the classes that a prediction is split between, or None if it is certain.

    `probabilities` has every class, in any order. The result lists the fewest classes that reach
    `LISTED_PROBABILITY` together, at most `MAX_LISTED`.
    """
    ranked = sorted(probabilities.items(), key=lambda pair: -pair[1])
    if len(ranked) < 2:  # noqa: PLR2004 - a single class leaves no choice
        return None
    first, second = ranked[0][1], ranked[1][1]
    if first >= MIN_PROBABILITY and first - second >= MIN_LEAD:
        return None
    listed: list[str] = []
    total = 0.0
    for name, probability in ranked[:MAX_LISTED]:
        listed.append(name)
        total += probability
        if total >= LISTED_PROBABILITY:
            break
    return Uncertainty(tuple(listed), others=total < LISTED_PROBABILITY and len(ranked) > len(listed))
