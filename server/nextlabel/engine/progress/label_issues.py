"""Labels worth a second look: those the live checkpoint finds all but impossible."""

from __future__ import annotations

import numpy as np

from nextlabel.contracts.data import FloatArray, IntArray
from nextlabel.engine.scores import decided

UNLIKELY = 0.05
"""Below this probability of its label an item is worth a second look."""


def doubtful(probabilities: FloatArray, positions: IntArray, labels: IntArray) -> IntArray:
    """Return those of the k `positions` whose label (k,) is unlikely, the least likely first.

    `probabilities` (n, C) may be on disk, and be of fewer items than there are positions.
    """
    scored = positions < len(probabilities)
    places = positions[scored]
    given = np.asarray(probabilities[places, labels[scored]])
    below = np.flatnonzero(given < UNLIKELY)
    below = below[decided(probabilities, places[below])]  # with many classes each is unlikely where nothing is said
    return places[below[np.argsort(given[below], kind="stable")]]
