"""Possible label errors: labels that the live checkpoint gives a very low probability."""

from __future__ import annotations

import numpy as np

from nextlabel.contracts.data import FloatArray, IntArray
from nextlabel.engine.scores import is_informative

UNLIKELY = 0.05
"""A label with a lower probability is a possible error."""


def label_issues(probabilities: FloatArray, positions: IntArray, labels: IntArray) -> IntArray:
    """Return those of the k `positions` whose label (k,) is unlikely, the least likely first.

    `probabilities` (n, C) may be on disk, and may cover fewer items than there are positions.
    """
    scored = positions < len(probabilities)
    positions = positions[scored]
    likelihood = np.asarray(probabilities[positions, labels[scored]])
    unlikely = np.flatnonzero(likelihood < UNLIKELY)
    # the classes of an unreadable image are equally probable, and with many classes all are below the limit
    unlikely = unlikely[is_informative(probabilities, positions[unlikely])]
    return positions[unlikely[np.argsort(likelihood[unlikely], kind="stable")]]
