"""The items and labels of a project's pool, cached in memory and updated from the database.

Labels and items are append-only, so an update reads only what is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from threading import Lock

import numpy as np
from sqlalchemy import Connection

from nextlabel.contracts.data import BoolArray, FloatArray, IntArray, Targets
from nextlabel.engine.labels.label_state import LabelState
from nextlabel.store import items, labels
from nextlabel.store.projects import ProjectRow

_PAGE = 20_000


class PoolState:
    """A project's pool and its current labels, up to one label of the history; `len` is the number of items."""

    def __init__(self, project: ProjectRow) -> None:
        self.project = project
        self.holdout: BoolArray = np.zeros(0, np.bool_)
        self.labels = LabelState(project.classes, 0)

    def __len__(self) -> int:
        return len(self.holdout)

    def catch_up(self, connection: Connection, until: int | None = None) -> None:
        """Read the items and labels stored since the last call; labels only up to the id `until`.

        A transaction that writes labels or items must call this before it writes: the state keeps
        what it read here, even if the transaction is rolled back.
        """
        name = self.project.name
        if len(new := items.holdout_flags(connection, name, len(self))):
            self.holdout = np.concatenate([self.holdout, new])
        self.labels.grow(len(self))
        while history := labels.since(connection, name, self.labels.last, until, _PAGE):
            self.labels.apply(history)

    @property
    def labelled(self) -> BoolArray:
        """(n,): the current labels rule out a class, or give a value."""
        return self.labels.is_labelled

    def snapshot(self) -> PoolState:
        """Return the state as it is now; later updates of this one do not change it. Do not update it."""
        frozen = copy(self)
        frozen.labels = self.labels.snapshot()
        return frozen

    def training_targets(self) -> Targets:
        """Return the targets with the hold-out unlabelled."""
        targets = self.labels.targets()
        if targets.candidates is not None:
            targets.candidates[self.holdout] = True
        elif targets.values is not None:
            targets.values[self.holdout] = np.nan
        return targets

    def holdout_truth(self, truth: IntArray | FloatArray | None) -> tuple[IntArray, IntArray | FloatArray]:
        """Return the held-out positions (k,) with a known label, and these labels (k,).

        `truth` holds the data set's own labels; an item without one has a full label by annotators.
        """
        positions = np.flatnonzero(self.holdout)
        in_data_set = positions[: 0 if truth is None else int(np.searchsorted(positions, len(truth)))]
        known: IntArray | FloatArray
        if self.project.classes:
            known = self.labels.single_classes(positions)
            if truth is not None:
                own = truth[in_data_set]
                known[: len(own)] = np.where(own >= 0, own, known[: len(own)])
            return positions[known >= 0], known[known >= 0]
        assert self.labels.values is not None
        known = self.labels.values[positions].copy()
        if truth is not None:
            own = truth[in_data_set]
            known[: len(own)] = np.where(np.isnan(own), known[: len(own)], own)
        return positions[~np.isnan(known)], known[~np.isnan(known)]

    def unlabelled_truth(self, truth: IntArray | FloatArray | None) -> tuple[IntArray, IntArray | FloatArray]:
        """Return the positions (k,) outside the hold-out that have no label, and their labels in `truth` (k,).

        `truth` holds the data set's own labels; items without one are left out.
        """
        if truth is None:
            return np.empty(0, np.int64), np.empty(0)
        truth = truth[: len(self)]  # the rest of a data set may have arrived since this state was read
        size = len(truth)
        known = truth >= 0 if self.project.classes else ~np.isnan(truth)
        positions = np.flatnonzero(known & ~self.labelled[:size] & ~self.holdout[:size])
        return positions, truth[positions]


class LabelStateCache:
    """The `PoolState` of one project, shared by the threads of a process."""

    def __init__(self, project: ProjectRow) -> None:
        self._state = PoolState(project)
        self._snapshot = self._state.snapshot()
        self._lock = Lock()

    @contextmanager
    def current(self, connection: Connection) -> Iterator[PoolState]:
        """Yield the updated state; no other thread changes it within the block.

        A thread that waits here may hold the database's write lock. To avoid a deadlock, the block
        must not wait for that lock: it uses `connection` and opens no other.
        """
        with self._lock:
            self._state.catch_up(connection)
            yield self._state

    def snapshot(self, connection: Connection) -> PoolState:
        """Return the updated state as a snapshot, which later labels and items never change.

        Threads share it, so do not update it. Nothing is copied unless labels changed since the last
        call, and then a few bytes per item.
        """
        with self.current(connection) as state:
            if (state.labels.last, len(state)) != (self._snapshot.labels.last, len(self._snapshot)):
                self._snapshot = state.snapshot()
            return self._snapshot
