"""Summarises one item of the pool."""

from __future__ import annotations

import numpy as np

from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.records import ItemSummary
from nextlabel.store.items import ItemRow


def summary(state: PoolState, row: ItemRow) -> ItemSummary:
    """Return an item with its state and its resolved set or value."""
    position, names = row.position, np.asarray(state.project.classes, object)
    skipped, values = state.labels.skipped[position], state.labels.values
    candidate_set = state.labels.candidate_rows(np.array([position]))[0]
    candidates = None if candidate_set.all() else tuple(names[candidate_set])
    return ItemSummary(
        id=row.id,
        state=("skipped" if skipped else "open") if state.labels.is_open[position] else "labelled",
        holdout=row.holdout,
        media_type=row.media_type,
        candidates=candidates,
        value=None if values is None or np.isnan(values[position]) else float(values[position]),
    )
