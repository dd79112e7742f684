"""What people have said of a project's pool so far, kept in memory and brought up to date.

Labels and items are append-only, so catching up reads only what is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import numpy as np
from sqlalchemy import Connection

from nextlabel.contracts.data import BoolArray, FloatArray, IntArray, Targets
from nextlabel.engine.labels.label_state import LabelState
from nextlabel.store import items, labels
from nextlabel.store.projects import ProjectRow

_PAGE = 20_000


class PoolState:
    """A project's pool and its standing labels, at one label of the history; `len` is the number of items."""

    def __init__(self, project: ProjectRow) -> None:
        self.project = project
        self.holdout: BoolArray = np.zeros(0, np.bool_)
        self.labels = LabelState(project.classes, 0)

    def __len__(self) -> int:
        return len(self.holdout)

    def catch_up(self, connection: Connection, until: int | None = None) -> None:
        """Read the items and labels stored since; labels only to the id `until`.

        A transaction that writes labels or items calls this before it does: what is read here
        stays, even where the transaction is rolled back.
        """
        name = self.project.name
        while new := items.page(connection, name, len(self) - 1, _PAGE):
            self.holdout = np.concatenate([self.holdout, np.array([row.holdout for row in new], np.bool_)])
        self.labels.grow(len(self))
        while history := labels.since(connection, name, self.labels.last, until, _PAGE):
            self.labels.apply(history)

    @property
    def labelled(self) -> BoolArray:
        """(n,): somebody's standing label says something of the item."""
        if self.labels.candidates is not None:
            return np.asarray(~self.labels.candidates.all(axis=1))
        return ~self.labels.is_open

    def training_targets(self) -> Targets:
        """Return the targets with the hold-out unlabelled."""
        targets = self.labels.targets()
        if targets.candidates is not None:
            targets.candidates[self.holdout] = True
        elif targets.values is not None:
            targets.values[self.holdout] = np.nan
        return targets

    def holdout_truth(self, truth: IntArray | FloatArray | None) -> tuple[IntArray, IntArray | FloatArray]:
        """Return the held-out positions whose truth is known (k,), and that truth (k,).

        Known to the data set, or a full label by people.
        """
        held = np.flatnonzero(self.holdout)
        if self.labels.candidates is not None:
            sets = self.labels.candidates[held]
            known = np.where(sets.sum(axis=1) == 1, sets.argmax(axis=1), -1)
            if truth is not None:
                given = held < len(truth)
                known[given] = np.where(truth[held[given]] >= 0, truth[held[given]], known[given])
            return held[known >= 0], known[known >= 0]
        assert self.labels.values is not None
        values = self.labels.values[held].copy()
        if truth is not None:
            given = held < len(truth)
            values[given] = np.where(np.isnan(truth[held[given]]), values[given], truth[held[given]])
        return held[~np.isnan(values)], values[~np.isnan(values)]


class LabelStateCache:
    """One project's `PoolState`, shared by the threads of a process."""

    def __init__(self, project: ProjectRow) -> None:
        self._state = PoolState(project)
        self._lock = Lock()

    @contextmanager
    def current(self, connection: Connection) -> Iterator[PoolState]:
        """Yield the state brought up to date; no other thread changes it meanwhile.

        Whoever waits here may hold the turn at writing, so the block must not wait for that:
        it uses `connection`, and opens no other.
        """
        with self._lock:
            self._state.catch_up(connection)
            yield self._state
