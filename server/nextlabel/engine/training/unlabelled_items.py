"""Measures a new model on the items of its pool that nobody has labelled. The result is shown, and decides nothing."""

from __future__ import annotations

import numpy as np

from nextlabel.contracts.data import FloatArray, IntArray, Items
from nextlabel.engine.images.image_items import unreadable_positions
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.metrics import metrics
from nextlabel.engine.scores import Arrays


def uses_unlabelled_items(state: PoolState) -> bool:
    """Return whether models are measured on the unlabelled items: there is neither a hold-out nor a test split.

    These are better measures, as a transductive learner uses the unlabelled items too.
    """
    return not (state.project.has_test or state.holdout.any())


def measure_unlabelled(
    state: PoolState, truth: IntArray | FloatArray | None, arrays: Arrays, items: Items
) -> dict[str, float]:
    """Return `unlabelled_accuracy` and `unlabelled_loss`, or `unlabelled_rmse` and `unlabelled_loss`.

    `arrays` are the predictions for all `items` of the pool, and `truth` has the labels that the data set knows.
    Returns an empty dictionary if the project is measured elsewhere, or no unlabelled item has a known label.
    """
    if not uses_unlabelled_items(state):
        return {}
    positions, known = state.unlabelled_truth(truth)
    readable = ~np.isin(positions, unreadable_positions(items))
    measured = metrics(arrays, positions[readable], known[readable])
    return {f"unlabelled_{name}": value for name, value in measured.items() if name != "holdout"}
