"""Which items of a pool somebody wants to see, and how many there are of each kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from nextlabel.contracts.data import BoolArray, IntArray
from nextlabel.contracts.errors import NotFound
from nextlabel.engine.labels.pool_state import PoolState

Kept = Literal["open", "partial", "contested", "labelled", "skipped"]
"""`partial`: the set has several classes, and not all of them; `contested`: annotators' sets have none in common.

Both are open too."""
Held = Literal["yes", "no"]
_OF_SETS = {"partial", "contested"}


@dataclass(frozen=True)
class Filter:
    """What an item must be to be shown; what is None or empty asks nothing."""

    state: Kept | None = None
    named: str | None = None
    """A class the item's set holds; an item nobody spoke of has no set."""
    annotator: str | None = None
    """Whose label of it stands: a set, a value or a skip."""
    holdout: Held | None = None
    guess: str | None = None
    """The class the live model takes it for."""
    differs: bool = False
    """The live model's guess is none of the classes its set holds."""
    search: str = ""
    """What its id holds, in capitals or not (`items.holding`)."""


@dataclass(frozen=True)
class Counts:
    """How many items each choice would show, the other choices staying as they are."""

    every: int
    states: Mapping[Kept, int]
    holdout: Mapping[Held, int]
    classes: Mapping[str, int]
    """Of items whose set holds the class; empty for regression."""
    annotators: Mapping[str, int]


@dataclass
class Choice:
    """A filter against a pool of n items as it stands: masks (n,), each made once.

    It looks at the state's arrays, which later labels change: use it before it is let go.
    """

    state: PoolState
    wanted: Filter
    guesses: IntArray | None = None
    """(k,), k up to n: the class the live model takes each of the first items for, or None."""
    found: IntArray | None = None
    """Positions whose id holds what is searched; None where nothing is."""
    _masks: dict[str, BoolArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted, names = self.wanted, self.state.project.classes
        for name in (wanted.named, wanted.guess):
            if name is not None and name not in names:
                raise NotFound.name("class", name, names)
        made = {
            "state": wanted.state and self._in_state(wanted.state),
            "named": wanted.named and self._holds(wanted.named),
            "annotator": wanted.annotator and self._spoken_by(wanted.annotator),
            "holdout": wanted.holdout and (self.state.holdout == (wanted.holdout == "yes")),
            "guess": wanted.guess and self._taken_for(wanted.guess),
            "differs": self._differs() if wanted.differs else None,
            "search": None if self.found is None else self._at(self.found),
        }
        self._masks = {name: mask for name, mask in made.items() if isinstance(mask, np.ndarray)}

    def mask(self, *without: str) -> BoolArray:
        """Return (n,): what every part of the filter lets through, but those named."""
        parts = [mask for name, mask in self._masks.items() if name not in without]
        return np.asarray(np.logical_and.reduce(parts)) if parts else np.ones(len(self.state), np.bool_)

    def positions(self) -> IntArray:
        """Return the positions that are let through, in order."""
        return np.flatnonzero(self.mask())

    def counts(self) -> Counts:
        """Return how many items each choice would show."""
        base = self.mask("state")
        states = {name: int(np.count_nonzero(base & self._in_state(name))) for name in self._states()}
        held = self.mask("holdout")
        inside = int(np.count_nonzero(held & self.state.holdout))
        said = self.mask("annotator")
        people = {name: int(np.count_nonzero(said[self._positions_of(name)])) for name in self.state.labels.annotators}
        return Counts(
            every=int(np.count_nonzero(base)),
            states=states,
            holdout={"yes": inside, "no": int(np.count_nonzero(held)) - inside},
            classes=self._class_counts(),
            annotators=people,
        )

    def _states(self) -> Iterable[Kept]:
        return [name for name in get_args(Kept) if name not in _OF_SETS or self.state.project.classes]

    def _class_counts(self) -> Mapping[str, int]:
        sets = self.state.labels.candidates
        if sets is None:
            return {}
        rows = np.flatnonzero(self.mask("named") & self._spoken)
        # a column at a time: summing (k, C) of booleans across is several times slower
        return {name: int(np.count_nonzero(sets[rows, place])) for place, name in enumerate(self.state.project.classes)}

    @cached_property
    def _spoken(self) -> BoolArray:
        """(n,): the set is not every class, or the value is known."""
        return self.state.labelled

    def _in_state(self, name: Kept) -> BoolArray:
        opened, skipped = self.state.labels.is_open, self.state.labels.skipped
        if name == "labelled":
            return ~opened
        if name == "skipped":
            return opened & skipped
        if name == "contested":
            return self.state.labels.in_conflict
        return opened & self._spoken if name == "partial" else opened & ~skipped

    def _holds(self, name: str) -> BoolArray:
        sets = self.state.labels.candidates
        assert sets is not None  # it has classes
        return self._spoken & sets[:, self.state.project.classes.index(name)]

    def _spoken_by(self, name: str) -> BoolArray:
        labels = self.state.labels
        if not labels.is_known_annotator(name):
            raise NotFound.name("annotator", name, labels.annotators)
        return self._at(self._positions_of(name))

    def _positions_of(self, name: str) -> IntArray:
        spoken = self.state.labels.positions_labelled_by(name)
        return np.fromiter(spoken, np.int64, len(spoken))

    def _taken_for(self, name: str) -> BoolArray:
        mask = np.zeros(len(self.state), np.bool_)
        if self.guesses is not None:
            mask[: len(self.guesses)] = self.guesses == self.state.project.classes.index(name)
        return mask

    def _differs(self) -> BoolArray:
        mask = np.zeros(len(self.state), np.bool_)
        sets = self.state.labels.candidates
        if self.guesses is not None and sets is not None:
            rows = np.flatnonzero(self._spoken[: len(self.guesses)])
            mask[rows] = ~sets[rows, self.guesses[rows]]
        return mask

    def _at(self, positions: IntArray) -> BoolArray:
        mask = np.zeros(len(self.state), np.bool_)
        mask[positions[positions < len(mask)]] = True
        return mask
