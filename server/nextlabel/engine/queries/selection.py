"""Chooses the items to label next, as a pure function of the pool's state, the scores and a seed.

The same inputs give the same result, which is how a stored query is replayed.
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
class Askable:
    """The items that may be chosen, by position."""

    pool: IntArray
    """Items outside the hold-out, in order."""
    holdout: IntArray
    """Held-out items that still need a label from annotators, in the order they are chosen."""

    def __len__(self) -> int:
        return len(self.pool) + len(self.holdout)


@dataclass(frozen=True)
class Selector:
    """A strategy with the scores it needs, for one project."""

    config: ProjectConfig
    strategy: Strategy[Any]
    needs: frozenset[Need]
    scores: Arrays | None
    """None if there is no model yet; every class is then equally probable."""

    def choose(self, state: PoolState, askable: Askable, *, size: int, rows: int, seed: int) -> list[Chosen]:
        """Return at most `size` distinct items, best first within each reason; the first `rows` items have scores."""
        rng = np.random.default_rng(seed)
        size = min(size, len(askable))
        holdout_count, control_count = self._shares(askable, size, rng)
        holdout = askable.holdout[:holdout_count]
        control = in_fixed_order(askable.pool, self.config.seed, "control")[:control_count] if control_count else ()
        chosen: list[Chosen] = []
        if count := size - holdout_count - control_count:
            rest = np.setdiff1d(askable.pool, control, assume_unique=True)
            selection = self.select(state, rest, rows, count, rng)
            pairs = zip(rest[selection.positions], selection.scores, strict=True)
            chosen = [Chosen(int(position), float(score), "strategy") for position, score in pairs]
        # the fixed order does not depend on the model, so these items have no score
        chosen += [Chosen(int(position), 0.0, "control") for position in control]
        return chosen + [Chosen(int(position), 0.0, "holdout") for position in holdout]

    def select(
        self, state: PoolState, positions: IntArray, rows: int, count: int, rng: np.random.Generator
    ) -> Selection:
        """Let the strategy choose `count` of the items at `positions`; return their places in that array."""
        view = self.view(state, positions, rows)
        return _checked(self.strategy.select(view, count, rng), count, len(positions))

    def view(self, state: PoolState, positions: IntArray, rows: int) -> Pool:
        """Return these items as the strategy sees them; the first `rows` items of the pool have scores."""
        candidates = state.labels.candidate_rows(positions) if state.project.classes else None
        arrays: dict[Need, FloatArray] = {}
        for need in self.needs:
            arrays[need] = self._array(need, state, positions, candidates, rows)
        return Pool(len(positions), arrays, candidates)

    def _array(
        self, need: Need, state: PoolState, positions: IntArray, candidates: BoolArray | None, rows: int
    ) -> FloatArray:
        if self.scores is None:
            return _without_model(need, len(positions), candidates)
        if need == "labelled_embeddings":
            embeddings = self.scores["embeddings"][:rows]  # a replay must not see items added since the query
            labelled = np.flatnonzero(state.labelled[: len(embeddings)] & ~state.holdout[: len(embeddings)])
            return embeddings[labelled]
        if need == "samples":
            return _samples(self.scores["samples"], positions, candidates)
        array: FloatArray = self.scores[need][positions]
        return restrict_to_candidates(array, candidates) if need == "probabilities" else array

    def _shares(self, askable: Askable, size: int, rng: np.random.Generator) -> tuple[int, int]:
        """Return how many of `size` items come from the hold-out, and how many from the control arm."""
        labels = self.config.labels
        draws = rng.random(size)
        share = labels.holdout if len(askable.holdout) else 0.0
        holdout_count = min(int((draws < share).sum()), len(askable.holdout))
        # if the pool has too few items, the hold-out fills the rest
        holdout_count = max(holdout_count, size - len(askable.pool))
        control_count = int(((draws >= share) & (draws < share + labels.control)).sum())
        return holdout_count, min(control_count, size - holdout_count)


def askable_items(state: PoolState, config: ProjectConfig, mask: BoolArray, excluded: Sequence[int]) -> Askable:
    """Return the items that may be chosen now: those of `mask`, from `askable_mask`, without the `excluded` positions.

    `excluded` holds the positions that leases reserve.
    """
    reserved = np.asarray(excluded, np.int64)
    mask = mask.copy()
    mask[reserved[reserved < len(mask)]] = False
    held_out = state.holdout[: len(mask)]
    pool = np.flatnonzero(mask & ~held_out)
    if state.project.known_truth:
        return Askable(pool, np.empty(0, np.int64))
    missing = missing_holdout(state, config, excluded)
    return Askable(pool, in_fixed_order(np.flatnonzero(mask & held_out), config.seed, "holdout-order")[:missing])


def missing_holdout(state: PoolState, config: ProjectConfig, excluded: Sequence[int]) -> int:
    """Return how many held-out items still need a full label by annotators; leases at `excluded` count as labels."""
    leased = int(state.holdout[np.asarray(excluded, np.int64)].sum())
    return max(0, config.labels.holdout_max - len(state.holdout_truth(None)[0]) - leased)


def askable_mask(state: PoolState, config: ProjectConfig, annotator: str | None, rows: int) -> BoolArray:
    """Return (rows,) which of the first `rows` items need a label by this annotator, without regard to leases.

    An open item does. A closed one that annotators labelled does until `[labels] answers` of them
    agree on it. An annotator never gets an item that they labelled or skipped.
    """
    labels = state.labels
    rows = min(rows, len(state))
    mask = needs_label(state, config, slice(rows))
    if annotator is None:
        mask &= ~labels.skipped[:rows]
    else:
        mask[[position for position in labels.positions_labelled_by(annotator) if position < rows]] = False
    return mask


def needs_label(state: PoolState, config: ProjectConfig, which: slice | IntArray) -> BoolArray:
    """Return whether each of these items needs a label by somebody, without regard to leases."""
    counts = state.labels.label_counts[which]
    return np.asarray(state.labels.is_open[which] | ((counts > 0) & (counts < config.labels.answers)))


def in_fixed_order(positions: IntArray, seed: int, purpose: str) -> IntArray:
    """Return `positions` in a random order of the whole pool that stays the same while the pool grows."""
    if not len(positions):
        return positions
    keys = generator(seed, purpose).random(int(positions.max()) + 1)  # the first n draws do not depend on n
    return positions[np.argsort(keys[positions], kind="stable")]


def restrict_to_candidates(probabilities: FloatArray, candidates: BoolArray | None) -> FloatArray:
    """Return (n, C) probabilities renormalised over each item's candidates (n, C)."""
    partial = np.empty(0, np.int64) if candidates is None else np.flatnonzero(~candidates.all(axis=1))
    if candidates is None or not len(partial):
        return probabilities
    sets = candidates[partial]
    inside = np.where(sets, probabilities[partial], 0)
    total = inside.sum(axis=1, keepdims=True)
    even = sets / sets.sum(axis=1, keepdims=True)
    restricted = np.array(probabilities)
    # a model may give all classes of a set probability 0; they are then equally probable
    restricted[partial] = np.where(total > 0, inside / np.where(total > 0, total, 1), even)
    return restricted


def _samples(draws: FloatArray, positions: IntArray, candidates: BoolArray | None) -> FloatArray:
    """Return the samples (T, n, C) of these items, renormalised over their candidates."""
    # filled draw by draw: the array is large, and a second copy of it would double the memory
    samples = np.empty((len(draws), len(positions), draws.shape[2]), draws.dtype)
    for number, draw in enumerate(draws):
        samples[number] = restrict_to_candidates(draw[positions], candidates)
    return samples


def _checked(selection: Selection, count: int, size: int) -> Selection:
    """Return a strategy's selection. Raises PluginError if it is not `count` distinct items of `size`."""
    positions = np.asarray(selection.positions)
    inside = positions[(positions >= 0) & (positions < size)]
    if len(positions) != count or len(np.unique(inside)) != count:
        raise PluginError(f"the strategy was asked for {count} of {size} items and chose {positions[:10].tolist()}")
    if not np.isfinite(selection.scores).all():
        raise PluginError("the strategy returned scores that are not finite")
    return selection


def _without_model(need: Need, size: int, candidates: BoolArray | None) -> FloatArray:
    """Return the array a strategy gets before the first training. Raises NotReady if only a model has it."""
    if need == "probabilities" and candidates is not None:
        even: FloatArray = (candidates / candidates.sum(axis=1, keepdims=True)).astype(np.float32)
        return even
    if need == "std":
        return np.ones(size, np.float32)
    raise NotReady(f"the strategy needs {need}, and no model has been trained yet; label some items and train", 5)
