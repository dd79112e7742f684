"""Which items need more labels, and which are covered: labelled or leased, so that an item near them adds little."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nextlabel.contracts.data import BoolArray, IntArray
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.project_files import ProjectConfig


def needs_label(state: PoolState, config: ProjectConfig, which: slice | IntArray) -> BoolArray:
    """Return whether each of these items needs a label by somebody, without regard to leases.

    An open item does. A closed one that annotators labelled does until `[labels] answers` of them agree.
    """
    needed: BoolArray = np.array(state.labels.is_open[which])
    if config.labels.answers > 1:
        counts = state.labels.label_counts[which]
        needed |= (counts > 0) & (counts < config.labels.answers)
    return needed


def covered_items(
    state: PoolState, in_pool: IntArray | BoolArray, taken: Sequence[int] | IntArray, rows: int
) -> IntArray:
    """Return the covered ones of the first `rows` items, by position.

    They are labelled or `taken`, and neither held out nor `in_pool`: positions, or a mask (rows,).
    """
    mask = np.array(state.labelled[:rows])
    positions = np.asarray(taken, np.int64)
    mask[positions[positions < rows]] = True
    mask[state.holdout[:rows]] = False
    mask[in_pool] = False
    return np.flatnonzero(mask)
