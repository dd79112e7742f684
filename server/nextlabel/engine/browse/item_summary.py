"""One item of the pool, summarised."""

from __future__ import annotations

import numpy as np

from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.records import ItemState, ItemSummary
from nextlabel.store.items import ItemRow


def summary(state: PoolState, row: ItemRow) -> ItemSummary:
    """Return an item of the pool as it stands."""
    position = row.position
    sets, values = state.labels.candidates, state.labels.values
    spoken = sets is not None and not sets[position].all()
    value = None if values is None or np.isnan(values[position]) else float(values[position])
    names = state.project.classes
    return ItemSummary(
        id=row.id,
        state=_state_of(state, position),
        holdout=row.holdout,
        media_type=row.media_type,
        candidates=tuple(np.asarray(names, object)[sets[position]]) if spoken and sets is not None else None,
        value=value,
    )


def _state_of(state: PoolState, position: int) -> ItemState:
    if not state.labels.is_open[position]:
        return "labelled"
    return "skipped" if state.labels.skipped[position] else "open"
