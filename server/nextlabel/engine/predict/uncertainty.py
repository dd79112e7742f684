"""When a model is unsure, and between which classes: one rule for every page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LIKELY = 0.5
"""Less for the most probable class is unsure."""
AHEAD = 0.2
"""So is less than this before the second."""
TOGETHER = 0.8
"""What the classes named are to hold between them."""
NAMED = 3
"""Most classes that are named."""


@dataclass(frozen=True)
class Doubt:
    """The classes an unsure model wavers between, most probable first."""

    classes: tuple[str, ...]
    others: bool
    """Whether those named do not hold enough: it may well be something else."""


def doubt(probabilities: Mapping[str, float]) -> Doubt | None:
    """Return between which classes a model wavers, or None where it is sure.

    `probabilities`: every class's, in any order. Named are the fewest classes that hold `TOGETHER`
    of the probability, at most `NAMED`.
    """
    ranked = sorted(probabilities.items(), key=lambda pair: -pair[1])
    if len(ranked) < 2:  # noqa: PLR2004 - nothing to waver between
        return None
    first, second = ranked[0][1], ranked[1][1]
    if first >= LIKELY and first - second >= AHEAD:
        return None
    named: list[str] = []
    held = 0.0
    for name, probability in ranked[:NAMED]:
        named.append(name)
        held += probability
        if held >= TOGETHER:
            break
    return Doubt(tuple(named), others=held < TOGETHER and len(ranked) > len(named))
