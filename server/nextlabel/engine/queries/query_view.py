"""What a query chooses from: the labels and leases at one moment, and whether a choice still holds later.

Strategies choose outside any transaction. Meanwhile other annotators may label the same items, or
lease them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nextlabel.contracts.data import IntArray
from nextlabel.engine.labels.covered import needs_label
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.queries.selection import Askable, askable_items, askable_mask, missing_holdout
from nextlabel.store.queries import Chosen, Lease


@dataclass(frozen=True)
class QueryView:
    """The label state and the leases of a project, as one annotator (or none) sees them."""

    config: ProjectConfig
    annotator: str | None
    state: PoolState
    leases: tuple[Lease, ...]
    """All live leases."""

    @cached_property
    def excluded(self) -> list[int]:
        """The positions that leases exclude: the annotator's own, and those with enough other annotators."""
        lease_counts = Counter(lease.position for lease in self.leases)
        # an open item that has all its labels already is leased to one annotator at a time
        full = {
            position
            for position, count in lease_counts.items()
            if count >= max(1, self.config.labels.answers - int(self.state.labels.label_counts[position]))
        }
        return sorted(self.own_positions | full)

    @cached_property
    def own_positions(self) -> set[int]:
        """The positions that are leased to this annotator."""
        return {lease.position for lease in self.leases if lease.annotator == self.annotator}

    @property
    def leased(self) -> tuple[int, ...]:
        """The positions that are leased to any annotator, in order."""
        return tuple(sorted({lease.position for lease in self.leases}))

    def items(self, rows: int) -> tuple[list[Lease], Askable]:
        """Return the annotator's leases to return first, and the other items to choose from, with scores.

        Leased items that others closed since, or beyond the first `rows` items, which have scores,
        are in neither.
        """
        mask = askable_mask(self.state, self.config, self.annotator, rows)
        own = [
            lease for lease in self.leases
            if lease.annotator == self.annotator and lease.position < len(mask) and mask[lease.position]
        ]  # fmt: skip
        return own, askable_items(self.state, self.config, mask, self.excluded)

    def allows(self, returned: Sequence[Chosen], chosen: Sequence[Chosen]) -> bool:
        """Return whether these items can be returned now; `chosen` are those that the annotator has no lease of.

        They cannot if one needs no label any more, or one of `chosen` is leased to enough others.
        """
        excluded = self.excluded
        if not {choice.position for choice in chosen}.isdisjoint(excluded):
            return False
        held_out = sum(choice.reason == "holdout" for choice in chosen)
        if held_out and held_out > missing_holdout(self.state, self.config, excluded):
            return False
        return self._are_askable(np.array([choice.position for choice in returned], np.int64))

    def _are_askable(self, positions: IntArray) -> bool:
        labels = self.state.labels
        if self.annotator is None:
            refused = bool(labels.skipped[positions].any())
        else:
            refused = not labels.positions_labelled_by(self.annotator).isdisjoint(positions.tolist())
        return not refused and bool(needs_label(self.state, self.config, positions).all())
