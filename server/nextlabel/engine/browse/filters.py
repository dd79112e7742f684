"""Filters the items of a pool, and counts how many each filter would show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from nextlabel.contracts.data import BoolArray, IntArray
from nextlabel.contracts.errors import NotFound
from nextlabel.engine.labels.pool_state import PoolState

StateFilter = Literal["open", "partial", "contested", "labelled", "skipped"]
"""`partial`: the set has several classes but not all; `contested`: the annotators' sets share no class.

Both are open too."""
HoldoutFilter = Literal["yes", "no"]
_NEED_CLASSES = {"partial", "contested"}


@dataclass(frozen=True)
class ItemFilter:
    """Conditions on items; a condition that is None or empty lets every item through."""

    state: StateFilter | None = None
    candidate: str | None = None
    """A class in the item's resolved set; an item without labels has no set."""
    annotator: str | None = None
    """An annotator with a current label of the item: a set, a value or a skip."""
    holdout: HoldoutFilter | None = None
    predicted: str | None = None
    """The class that the live model predicts."""
    differs: bool = False
    """Whether the predicted class is not in the item's set."""
    search: str = ""
    """Text in the item's id, in upper or lower case (`items.with_text_in_id`)."""


@dataclass(frozen=True)
class Counts:
    """How many items each filter would show while the other filters stay as they are."""

    every: int
    states: Mapping[StateFilter, int]
    holdout: Mapping[HoldoutFilter, int]
    classes: Mapping[str, int]
    """Items by the classes in their sets; empty for regression."""
    annotators: Mapping[str, int]


@dataclass
class FilteredPool:
    """A filter applied to a pool of n items; each mask (n,) is computed once.

    It reads arrays of `state` that later labels change, so use it while the state is locked.
    """

    state: PoolState
    filter: ItemFilter
    predicted: IntArray | None = None
    """(k,): the predicted class of each of the first k items, or None."""
    search_hits: IntArray | None = None
    """Positions whose id contains the search text; None without a search."""
    _masks: dict[str, BoolArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        conditions, classes = self.filter, self.state.project.classes
        for name in (conditions.candidate, conditions.predicted):
            if name is not None and name not in classes:
                raise NotFound.name("class", name, classes)
        masks = {
            "state": conditions.state and self._in_state(conditions.state),
            "candidate": conditions.candidate and self._has_candidate(conditions.candidate),
            "annotator": conditions.annotator and self._labelled_by(conditions.annotator),
            "holdout": conditions.holdout and (self.state.holdout == (conditions.holdout == "yes")),
            "predicted": conditions.predicted and self._predicted_as(conditions.predicted),
            "differs": self._differs() if conditions.differs else None,
            "search": None if self.search_hits is None else self._mask_at(self.search_hits),
        }
        self._masks = {name: mask for name, mask in masks.items() if isinstance(mask, np.ndarray)}

    def mask(self, *without: str) -> BoolArray:
        """Return (n,) which items pass every condition except those named."""
        parts = [mask for name, mask in self._masks.items() if name not in without]
        return np.asarray(np.logical_and.reduce(parts)) if parts else np.ones(len(self.state), np.bool_)

    def positions(self) -> IntArray:
        """Return the positions of the items that pass the filter, in order."""
        return np.flatnonzero(self.mask())

    def counts(self) -> Counts:
        """Return how many items each filter would show."""
        base = self.mask("state")
        states = {name: int(np.count_nonzero(base & self._in_state(name))) for name in self._states()}
        either = self.mask("holdout")
        held_out = int(np.count_nonzero(either & self.state.holdout))
        labelled = self.mask("annotator")
        annotators = {
            name: int(np.count_nonzero(labelled[self._positions_of(name)])) for name in self.state.labels.annotators
        }
        return Counts(
            every=int(np.count_nonzero(base)),
            states=states,
            holdout={"yes": held_out, "no": int(np.count_nonzero(either)) - held_out},
            classes=self._class_counts(),
            annotators=annotators,
        )

    def _states(self) -> Iterable[StateFilter]:
        return [name for name in get_args(StateFilter) if name not in _NEED_CLASSES or self.state.project.classes]

    def _class_counts(self) -> Mapping[str, int]:
        classes = self.state.project.classes
        counts = self.state.labels.candidate_counts(self.mask("candidate") & self._has_label)
        return dict(zip(classes, counts.tolist(), strict=True))

    @cached_property
    def _has_label(self) -> BoolArray:
        """(n,): the set is not every class, or the value is known."""
        return self.state.labelled

    def _in_state(self, name: StateFilter) -> BoolArray:
        is_open, skipped = self.state.labels.is_open, self.state.labels.skipped
        if name == "labelled":
            return ~is_open
        if name == "skipped":
            return is_open & skipped
        if name == "contested":
            return self.state.labels.in_conflict
        return self.state.labels.is_partial if name == "partial" else is_open & ~skipped

    def _has_candidate(self, name: str) -> BoolArray:
        return self._has_label & self.state.labels.has_candidate(self.state.project.classes.index(name))

    def _labelled_by(self, annotator: str) -> BoolArray:
        labels = self.state.labels
        if not labels.is_known_annotator(annotator):
            raise NotFound.name("annotator", annotator, labels.annotators)
        return self._mask_at(self._positions_of(annotator))

    def _positions_of(self, annotator: str) -> IntArray:
        positions = self.state.labels.positions_labelled_by(annotator)
        return np.fromiter(positions, np.int64, len(positions))

    def _predicted_as(self, name: str) -> BoolArray:
        mask = np.zeros(len(self.state), np.bool_)
        if self.predicted is not None:
            mask[: len(self.predicted)] = self.predicted == self.state.project.classes.index(name)
        return mask

    def _differs(self) -> BoolArray:
        mask = np.zeros(len(self.state), np.bool_)
        if self.predicted is not None:
            rows = np.flatnonzero(self._has_label[: len(self.predicted)])
            sets = self.state.labels.candidate_rows(rows)
            mask[rows] = ~sets[np.arange(len(rows)), self.predicted[rows]]
        return mask

    def _mask_at(self, positions: IntArray) -> BoolArray:
        mask = np.zeros(len(self.state), np.bool_)
        mask[positions[positions < len(mask)]] = True
        return mask
