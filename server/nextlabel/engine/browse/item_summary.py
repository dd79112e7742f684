"""Summarises one item of the pool."""

from __future__ import annotations

import numpy as np

from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.records import ItemSummary
from nextlabel.store.items import ItemRow


def summary(state: PoolState, row: ItemRow) -> ItemSummary:
    """Return an item with its state and its resolved set or value."""
    position, names = row.position, np.asarray(state.project.classes, object)
    skipped = state.labels.skipped[position]
    sets, values = state.labels.candidates, state.labels.values
    candidates = None if sets is None or sets[position].all() else tuple(names[sets[position]])
    return ItemSummary(
        id=row.id,
        state=("skipped" if skipped else "open") if state.labels.is_open[position] else "labelled",
        holdout=row.holdout,
        media_type=row.media_type,
        candidates=candidates,
        value=None if values is None or np.isnan(values[position]) else float(values[position]),
    )
