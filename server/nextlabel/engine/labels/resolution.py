"""Resolves the labels of one item into a candidate set or a value.

The resolved set is the intersection of the annotators' sets, or their union if they share no
class. The resolved value is the mean of the annotators' values. A set is the bits of an integer,
one bit per class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from operator import and_, or_


def resolve_sets(sets: Sequence[int]) -> int:
    """Return the intersection of one or more sets if that is not empty, else their union."""
    return intersection(sets) or reduce(or_, sets)


def intersection(sets: Sequence[int]) -> int:
    """Return the classes that all of one or more sets share; 0 for none."""
    return reduce(and_, sets)


def resolve_values(values: Sequence[float]) -> float:
    """Return the mean of one or more values."""
    try:
        return math.fsum(values) / len(values)
    except OverflowError:  # the sum of values near the largest float does not fit one
        return math.fsum(value / len(values) for value in values)
