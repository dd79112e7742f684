"""Which items to ask next: a pure function of the pool's state, the scores and a seed.

The same inputs give the same answer, which is how a stored query is replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nextlabel.contracts.errors import NotReady
from nextlabel.contracts.items import BoolArray, FloatArray, IntArray, Need, Pool
from nextlabel.contracts.roles import Strategy
from nextlabel.engine.projects import ProjectConfig
from nextlabel.engine.scoring import Arrays
from nextlabel.engine.seeds import share_hash
from nextlabel.engine.state import PoolState
from nextlabel.store.queries import Chosen


@dataclass(frozen=True)
class Request:
    """One query to answer."""

    size: int
    annotator: str | None
    seed: int
    rows: int
    """Items that have scores; those behind them are not asked yet."""
    excluded: Sequence[int]
    """Positions that leases take out of the choice."""


@dataclass(frozen=True)
class Askable:
    """Who may be asked, by position."""

    pool: IntArray
    holdout: IntArray
    """Held-out items whose truth is still gathered from people."""

    def __len__(self) -> int:
        return len(self.pool) + len(self.holdout)


@dataclass(frozen=True)
class Chooser:
    """A strategy with what it needs, for one project."""

    config: ProjectConfig
    strategy: Strategy[Any]
    needs: frozenset[Need]
    scores: Arrays | None
    """None: there is no model yet; every class is then equally probable."""
    keys: dict[str, float] = field(default_factory=dict)

    def choose(self, state: PoolState, request: Request) -> list[Chosen]:
        """Return at most `request.size` distinct items, best first within each reason."""
        askable = askable_items(state, self.config, request)
        rng = np.random.default_rng(request.seed)
        size = min(request.size, len(askable))
        reasons = self._reasons(askable, size, rng)
        holdout = self._in_fixed_order(state, askable.holdout, reasons.count("holdout"), "holdout-order")
        control = self._in_fixed_order(state, askable.pool, reasons.count("control"), "control")
        rest = np.setdiff1d(askable.pool, control, assume_unique=True)
        count = size - len(holdout) - len(control)
        if count == 0:
            return [*holdout_rows(holdout), *control_rows(control)]
        selection = self.strategy.select(self.view(state, rest), count, rng)
        chosen = [
            Chosen(int(rest[position]), float(score), "strategy")
            for position, score in zip(selection.positions, selection.scores, strict=True)
        ]
        return [*chosen, *control_rows(control), *holdout_rows(holdout)]

    def view(self, state: PoolState, positions: IntArray) -> Pool:
        """Return these items as the strategy sees them."""
        sets = state.labels.candidates
        candidates = None if sets is None else sets[positions]
        arrays: dict[Need, FloatArray] = {}
        for need in self.needs:
            arrays[need] = self._array(need, state, positions, candidates)
        return Pool(len(positions), arrays, candidates)

    def _array(self, need: Need, state: PoolState, positions: IntArray, candidates: BoolArray | None) -> FloatArray:
        if self.scores is None:
            return _before_any_model(need, len(positions), candidates)
        if need == "labelled_embeddings":
            embeddings = self.scores["embeddings"]
            labelled = np.flatnonzero(state.labelled[: len(embeddings)] & ~state.holdout[: len(embeddings)])
            return embeddings[labelled]
        if need == "samples":
            return np.stack([within(draw[positions], candidates) for draw in self.scores["samples"]])
        array = self.scores[need][positions]
        return within(array, candidates) if need == "probabilities" else array

    def _reasons(self, askable: Askable, size: int, rng: np.random.Generator) -> list[str]:
        labels = self.config.labels
        draws = rng.random(size)
        share = labels.holdout if len(askable.holdout) else 0.0
        wanted = ["holdout" if d < share else "control" if d < share + labels.control else "strategy" for d in draws]
        held = min(wanted.count("holdout"), len(askable.holdout))
        # where one kind runs out the others fill the places
        held = max(held, size - len(askable.pool))
        controlled = min(wanted.count("control"), size - held)
        return ["holdout"] * held + ["control"] * controlled + ["strategy"] * (size - held - controlled)

    def _in_fixed_order(self, state: PoolState, positions: IntArray, count: int, purpose: str) -> IntArray:
        if count == 0:
            return np.empty(0, np.int64)

        def key(position: int) -> float:
            name = f"{purpose}/{state.rows[position].id}"
            if name not in self.keys:
                self.keys[name] = share_hash(self.config.seed, purpose, state.rows[position].id)
            return self.keys[name]

        return np.array(sorted(sorted(map(int, positions), key=key)[:count]), np.int64)


def askable_items(state: PoolState, config: ProjectConfig, request: Request) -> Askable:
    """Return the items that may be asked of the annotator now.

    An item wants answers while fewer than `answers` annotators gave one, and it is either
    open or has been asked before (a second opinion on a full label is still an opinion).
    Nobody is asked twice, and what somebody skipped is not asked of them again.
    """
    labels = state.labels
    rows = min(request.rows, len(state.rows))
    answers = labels.answers[:rows]
    wanted = (answers < config.labels.answers) & (labels.opened[:rows] | (answers > 0))
    if request.annotator is None:
        wanted &= ~labels.skipped[:rows]
    else:
        spoken = [position for position in labels.spoken(request.annotator) if position < rows]
        wanted[spoken] = False
    wanted[[position for position in request.excluded if position < rows]] = False
    held = state.holdout[:rows]
    pool = np.flatnonzero(wanted & ~held)
    if state.project.known_truth:
        return Askable(pool, np.empty(0, np.int64))
    missing = config.labels.holdout_max - len(state.holdout_truth(None)[0])
    holdout = np.flatnonzero(wanted & held) if missing > 0 else np.empty(0, np.int64)
    return Askable(pool, holdout[:missing] if missing > 0 else holdout)


def within(probabilities: FloatArray, candidates: BoolArray | None) -> FloatArray:
    """Return (n, C) probabilities renormalised over each item's candidates (n, C)."""
    if candidates is None or candidates.all():
        return probabilities
    inside = np.where(candidates, probabilities, 0)
    total = inside.sum(axis=1, keepdims=True)
    even = candidates / candidates.sum(axis=1, keepdims=True)
    # a model may give a whole set no probability at all
    return np.asarray(np.where(total > 0, inside / np.where(total > 0, total, 1), even), probabilities.dtype)


def control_rows(positions: IntArray) -> list[Chosen]:
    """Return control items, whose score says nothing."""
    return [Chosen(int(position), 0.0, "control") for position in positions]


def holdout_rows(positions: IntArray) -> list[Chosen]:
    """Return hold-out items, whose score says nothing."""
    return [Chosen(int(position), 0.0, "holdout") for position in positions]


def _before_any_model(need: Need, size: int, candidates: BoolArray | None) -> FloatArray:
    if need == "probabilities" and candidates is not None:
        return (candidates / candidates.sum(axis=1, keepdims=True)).astype(np.float32)
    if need == "std":
        return np.ones(size, np.float32)
    raise NotReady(f"the strategy needs {need}, and no model has been trained yet; label some items and train", 5)
