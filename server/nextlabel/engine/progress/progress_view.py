"""A consistent view of a project: what its labels amount to, and the live checkpoint with its scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nextlabel.contracts.data import FloatArray, IntArray
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.scores import stored_scores
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.projects import ProjectRow


@dataclass(frozen=True)
class ProgressView:
    """A classification project at one moment; all parts are read in one transaction, so they fit each other."""

    row: ProjectRow
    live: CheckpointRow | None
    probabilities: FloatArray | None
    """(n, C) by the live checkpoint, on disk; None if there are no scores."""
    full: IntArray
    """(k,): positions whose candidate set is a single class."""
    labels: IntArray
    """(k,): that class."""
    named: IntArray
    """(C,): items that could be each class, by a candidate set of fewer than all classes."""
    conflicts: IntArray
    """Positions whose annotators have no class in common."""
    holdout: IntArray
    """(h,): held-out positions whose class is known."""
    truth: IntArray
    """(h,): that class."""


def read_view(services: Services, row: ProjectRow) -> ProgressView:
    """Read a project; the cost is a few passes over the pool's arrays."""
    label_state, truth = services.label_state(row), services.pool(row.name).truth
    with services.database.read() as connection:
        live = checkpoints.get(connection, row.name, row.live) if row.live else None
        scoring = checkpoints.scoring(connection, row.name, live.name) if live else None
        with label_state.current(connection) as state:
            full, labels, named = _sets(state)
            conflicts = np.flatnonzero(state.labels.in_conflict)
            held, known = state.holdout_truth(truth)
    arrays = stored_scores(services.home, scoring) or {}
    return ProgressView(
        row, live, arrays.get("probabilities"),
        full, labels, named, conflicts, held, known.astype(np.int64),
    )  # fmt: skip


def _sets(state: PoolState) -> tuple[IntArray, IntArray, IntArray]:
    """Return the positions with a full label (k,), their classes (k,), and the count of named items (C,)."""
    labelled, labels = state.labelled, state.labels
    full = np.flatnonzero(labelled & ~labels.is_open)
    return full, labels.single_classes(full), labels.candidate_counts(labelled)
