"""The predictions that were stored after a checkpoint's training, for items of the pool whose label is known."""

from __future__ import annotations

import numpy as np

from nextlabel.engine.evaluation.outcome_report import Split
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.metrics import Predictions
from nextlabel.engine.scores import stored_scores, unreadable_items
from nextlabel.engine.services import Services
from nextlabel.engine.training.unlabelled_items import uses_unlabelled_items
from nextlabel.store import checkpoints


def pool_split(state: PoolState) -> Split:
    """Return the items of the pool that its models are measured on."""
    return "unlabelled" if uses_unlabelled_items(state) else "holdout"


def stored_predictions(services: Services, state: PoolState, checkpoint: str) -> Predictions | None:
    """Return a checkpoint's predictions for `pool_split(state)`, without images that cannot be read.

    Items with equal probabilities for all classes stay: a model may know nothing about an item. Returns None
    if the checkpoint has not scored the pool.
    """
    project = state.project
    with services.database.read() as connection:
        scoring = checkpoints.scoring(connection, project.name, checkpoint)
    arrays = stored_scores(services.home, scoring)
    if scoring is None or arrays is None:
        return None
    known = services.pool(project.name).truth
    find_truth = state.unlabelled_truth if pool_split(state) == "unlabelled" else state.holdout_truth
    positions, truth = find_truth(known)
    measured = positions < scoring.rows
    if "probabilities" in arrays:
        unreadable = unreadable_items(services.items(state), arrays["probabilities"], positions[measured])
        measured &= ~np.isin(positions, unreadable)
    return Predictions(arrays, positions[measured], truth[measured])
