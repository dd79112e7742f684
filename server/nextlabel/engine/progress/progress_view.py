"""A project at one moment: what its labels amount to, and the live checkpoint with its scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nextlabel.contracts.data import FloatArray, IntArray
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.scores import kept_scores
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.projects import ProjectRow


@dataclass(frozen=True)
class Snapshot:
    """Of classification; taken in one read, so that its parts fit each other."""

    row: ProjectRow
    checkpoints: tuple[CheckpointRow, ...]
    live: CheckpointRow | None
    probabilities: FloatArray | None
    """(n, C) by the live checkpoint, on disk; None where none are kept."""
    full: IntArray
    """Positions whose set is one class (k,)."""
    labels: IntArray
    """That class (k,)."""
    named: IntArray
    """(C,): items that could be each class, by a set of not all classes."""
    contested: IntArray
    """Positions whose annotators have no class in common."""
    holdout: IntArray
    """Held-out positions whose class is known (h,)."""
    truth: IntArray
    """That class (h,)."""


def take(services: Services, row: ProjectRow) -> Snapshot:
    """Read it; what is costly is a few passes over the pool's arrays."""
    label_state, truth = services.label_state(row), services.pool(row.name).truth
    with services.database.read() as connection:
        found = checkpoints.all(connection, row.name)
        live = next((one for one in found if one.name == row.live), None)
        scoring = checkpoints.scoring(connection, row.name, live.name) if live else None
        with label_state.current(connection) as state:
            full, labels, named = _sets(state)
            contested = np.flatnonzero(state.labels.in_conflict)
            held, known = state.holdout_truth(truth)
    arrays = kept_scores(services.home, scoring) or {}
    return Snapshot(
        row, tuple(found), live, arrays.get("probabilities"),
        full, labels, named, contested, held, known.astype(np.int64),
    )  # fmt: skip


def _sets(state: PoolState) -> tuple[IntArray, IntArray, IntArray]:
    sets = state.labels.candidates
    assert sets is not None
    spoken = np.flatnonzero(state.labelled)
    said = sets[spoken]
    closed = ~state.labels.is_open[spoken]
    return spoken[closed], said[closed].argmax(axis=1), said.sum(axis=0)
