"""Which items to ask next: a pure function of the pool's state, the scores and a seed.

The same inputs give the same answer, which is how a stored query is replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nextlabel.contracts.data import BoolArray, FloatArray, IntArray, Need, Pool, Selection
from nextlabel.contracts.errors import NotReady, PluginError
from nextlabel.contracts.interfaces import Strategy
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.random_streams import generator
from nextlabel.engine.scores import Arrays
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
    """Held-out items whose truth is still gathered from people, in the order they are asked."""

    def __len__(self) -> int:
        return len(self.pool) + len(self.holdout)


@dataclass(frozen=True)
class Selector:
    """A strategy with what it needs, for one project."""

    config: ProjectConfig
    strategy: Strategy[Any]
    needs: frozenset[Need]
    scores: Arrays | None
    """None: there is no model yet; every class is then equally probable."""

    def choose(self, state: PoolState, request: Request) -> list[Chosen]:
        """Return at most `request.size` distinct items, best first within each reason."""
        askable = askable_items(state, self.config, request)
        rng = np.random.default_rng(request.seed)
        size = min(request.size, len(askable))
        held, controlled = self._shares(askable, size, rng)
        holdout = askable.holdout[:held]
        control = in_fixed_order(askable.pool, self.config.seed, "control")[:controlled] if controlled else ()
        chosen: list[Chosen] = []
        if count := size - held - controlled:
            rest = np.setdiff1d(askable.pool, control, assume_unique=True)
            view = self.view(state, rest, request.rows)
            selection = _checked(self.strategy.select(view, count, rng), count, len(rest))
            pairs = zip(rest[selection.positions], selection.scores, strict=True)
            chosen = [Chosen(int(position), float(score), "strategy") for position, score in pairs]
        # the order of these says nothing of how much is learnt from them, and no score does
        chosen += [Chosen(int(position), 0.0, "control") for position in control]
        return chosen + [Chosen(int(position), 0.0, "holdout") for position in holdout]

    def view(self, state: PoolState, positions: IntArray, rows: int) -> Pool:
        """Return these items as the strategy sees them, where the first `rows` of the pool have scores."""
        sets = state.labels.candidates
        candidates = None if sets is None else sets[positions]
        arrays: dict[Need, FloatArray] = {}
        for need in self.needs:
            arrays[need] = self._array(need, state, positions, candidates, rows)
        return Pool(len(positions), arrays, candidates)

    def _array(
        self, need: Need, state: PoolState, positions: IntArray, candidates: BoolArray | None, rows: int
    ) -> FloatArray:
        if self.scores is None:
            return _before_any_model(need, len(positions), candidates)
        if need == "labelled_embeddings":
            embeddings = self.scores["embeddings"][:rows]  # a replay must not see those that have come since
            labelled = np.flatnonzero(state.labelled[: len(embeddings)] & ~state.holdout[: len(embeddings)])
            return embeddings[labelled]
        if need == "samples":
            return _samples(self.scores["samples"], positions, candidates)
        array: FloatArray = self.scores[need][positions]
        return within(array, candidates) if need == "probabilities" else array

    def _shares(self, askable: Askable, size: int, rng: np.random.Generator) -> tuple[int, int]:
        """Return how many of `size` are of the hold-out, and how many of the control arm."""
        labels = self.config.labels
        draws = rng.random(size)
        share = labels.holdout if len(askable.holdout) else 0.0
        held = min(int((draws < share).sum()), len(askable.holdout))
        # where one kind runs out the others fill the places
        held = max(held, size - len(askable.pool))
        return held, min(int(((draws >= share) & (draws < share + labels.control)).sum()), size - held)


def askable_items(state: PoolState, config: ProjectConfig, request: Request) -> Askable:
    """Return the items that may be asked of the annotator now."""
    mask = wanted(state, config, request.annotator, request.rows)
    excluded = np.asarray(request.excluded, np.int64)
    mask[excluded[excluded < len(mask)]] = False
    held = state.holdout[: len(mask)]
    pool = np.flatnonzero(mask & ~held)
    if state.project.known_truth:
        return Askable(pool, np.empty(0, np.int64))
    asked = int(state.holdout[excluded].sum())  # of others, at this moment
    missing = max(0, config.labels.holdout_max - len(state.holdout_truth(None)[0]) - asked)
    return Askable(pool, in_fixed_order(np.flatnonzero(mask & held), config.seed, "holdout-order")[:missing])


def wanted(state: PoolState, config: ProjectConfig, annotator: str | None, rows: int) -> BoolArray:
    """Return (rows,) which items want an answer of the annotator, leases aside.

    An item does while it is open; one that people have closed does until `answers` of them
    agreed to it. Nobody is asked twice, and what somebody skipped is not asked of them again.
    """
    labels = state.labels
    rows = min(rows, len(state))
    answers = labels.label_counts[:rows]
    mask: BoolArray = labels.is_open[:rows] | ((answers > 0) & (answers < config.labels.answers))
    if annotator is None:
        mask &= ~labels.skipped[:rows]
    else:
        mask[[position for position in labels.positions_labelled_by(annotator) if position < rows]] = False
    return mask


def in_fixed_order(positions: IntArray, seed: int, purpose: str) -> IntArray:
    """Return `positions` in an order of the whole pool that stays the same while the pool grows."""
    if not len(positions):
        return positions
    keys = generator(seed, purpose).random(int(positions.max()) + 1)  # the first n draws, whatever n
    return positions[np.argsort(keys[positions], kind="stable")]


def within(probabilities: FloatArray, candidates: BoolArray | None) -> FloatArray:
    """Return (n, C) probabilities renormalised over each item's candidates (n, C)."""
    partial = np.empty(0, np.int64) if candidates is None else np.flatnonzero(~candidates.all(axis=1))
    if candidates is None or not len(partial):
        return probabilities
    sets = candidates[partial]
    inside = np.where(sets, probabilities[partial], 0)
    total = inside.sum(axis=1, keepdims=True)
    even = sets / sets.sum(axis=1, keepdims=True)
    out = np.array(probabilities)
    # a model may give a whole set no probability at all
    out[partial] = np.where(total > 0, inside / np.where(total > 0, total, 1), even)
    return out


def _samples(draws: FloatArray, positions: IntArray, candidates: BoolArray | None) -> FloatArray:
    """Return (T, n, C) of these items, renormalised over their candidates."""
    # filled draw by draw: they are large, and not to be held twice while nobody else can write
    samples = np.empty((len(draws), len(positions), draws.shape[2]), draws.dtype)
    for number, draw in enumerate(draws):
        samples[number] = within(draw[positions], candidates)
    return samples


def _checked(selection: Selection, count: int, size: int) -> Selection:
    positions = np.asarray(selection.positions)
    inside = positions[(positions >= 0) & (positions < size)]
    if len(positions) != count or len(np.unique(inside)) != count:
        raise PluginError(f"the strategy was asked for {count} of {size} items and chose {positions[:10].tolist()}")
    if not np.isfinite(selection.scores).all():
        raise PluginError("the strategy gave scores that are not finite")
    return selection


def _before_any_model(need: Need, size: int, candidates: BoolArray | None) -> FloatArray:
    if need == "probabilities" and candidates is not None:
        even: FloatArray = (candidates / candidates.sum(axis=1, keepdims=True)).astype(np.float32)
        return even
    if need == "std":
        return np.ones(size, np.float32)
    raise NotReady(f"the strategy needs {need}, and no model has been trained yet; label some items and train", 5)
