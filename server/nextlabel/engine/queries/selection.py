"""Chooses the items to label next, as a pure function of the pool's state, the scores and a seed.

The same inputs give the same result, which is how a stored query is replayed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from nextlabel.contracts.data import BoolArray, IntArray, Need, Pool, Selection
from nextlabel.contracts.errors import NextlabelError, PluginError
from nextlabel.contracts.interfaces import Strategy
from nextlabel.engine.labels.covered import covered_items, needs_label
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.pool_arrays import build_pool
from nextlabel.engine.prepared import PreparedArrays
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
    prepared: PreparedArrays | None = None
    """What the strategy prepared for these scores; None if it prepares nothing, or there are no scores."""
    name: str = ""
    """The strategy's name, for errors."""

    def choose(
        self, state: PoolState, askable: Askable, *, size: int, rows: int, seed: int, leased: Sequence[int] = ()
    ) -> list[Chosen]:
        """Return at most `size` distinct items, best first within each reason; the first `rows` items have scores.

        `leased` has the positions leased to any annotator.
        """
        rng = np.random.default_rng(seed)
        size = min(size, len(askable))
        holdout_count, control_count = self._shares(askable, size, rng)
        holdout = askable.holdout[:holdout_count]
        control = in_fixed_order(askable.pool, self.config.seed, "control", control_count)
        chosen: list[Chosen] = []
        if count := size - holdout_count - control_count:
            rest = np.setdiff1d(askable.pool, control, assume_unique=True)
            selection = self.select(state, rest, rows, count, rng, (*leased, *control))
            pairs = zip(rest[selection.positions], selection.scores, strict=True)
            chosen = [Chosen(int(position), float(score), "strategy") for position, score in pairs]
        # the fixed order does not depend on the model, so these items have no score
        chosen += [Chosen(int(position), 0.0, "control") for position in control]
        return chosen + [Chosen(int(position), 0.0, "holdout") for position in holdout]

    def select(
        self,
        state: PoolState,
        positions: IntArray,
        rows: int,
        count: int,
        rng: np.random.Generator,
        taken: Sequence[int] = (),
    ) -> Selection:
        """Let the strategy choose `count` of the items at `positions`; return their places in that array."""
        return self.select_in(self.view(state, positions, rows, taken), count, rng)

    def select_in(self, view: Pool, count: int, rng: np.random.Generator) -> Selection:
        """Let the strategy choose `count` items of a view. Raises PluginError if it fails or chooses others."""
        with self.named_errors():
            selection = self.strategy.select(view, count, rng)
        return _checked(selection, count, view.size)

    @contextmanager
    def named_errors(self) -> Iterator[None]:
        """Turn any error of the strategy's own code into a PluginError that names the strategy."""
        try:
            yield
        except NextlabelError:
            raise
        except Exception as error:
            raise PluginError(f"strategy {self.name!r} failed: {type(error).__name__}: {error}") from error

    def view(
        self,
        state: PoolState,
        positions: IntArray,
        rows: int,
        taken: Sequence[int] = (),
        part: IntArray | None = None,
    ) -> Pool:
        """Return the items at `positions` as the strategy sees them; the first `rows` items have scores.

        With `part`, it sees only that part of them. The others may still be chosen by later queries,
        so they are not covered. The items in `taken` are. The arrays are gathered when they are read,
        so `state` must not change before the strategy has chosen.
        """
        # a replay must not see items added since the query, hence `rows`
        return build_pool(
            state,
            positions if part is None else positions[part],
            self.needs,
            self.scores or {},
            lambda: covered_items(state, positions, taken, rows),
            prepared=self.prepared,
        )

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
    held_out = state.holdout[: len(mask)]
    free = mask.copy()
    free[reserved[reserved < len(mask)]] = False
    pool = np.flatnonzero(free & ~held_out)
    if state.project.known_truth:
        return Askable(pool, np.empty(0, np.int64))
    missing = missing_holdout(state, config, excluded)
    return Askable(pool, in_fixed_order(np.flatnonzero(free & held_out), config.seed, "holdout-order", missing))


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
        own = np.fromiter(labels.positions_labelled_by(annotator), np.int64)
        mask[own[own < rows]] = False
    return mask


def in_fixed_order(positions: IntArray, seed: int, purpose: str, count: int | None = None) -> IntArray:
    """Return the first `count` of `positions`, or all, in a random order of the whole pool.

    The order stays the same while the pool grows.
    """
    count = len(positions) if count is None else count
    if not len(positions) or not count:
        return positions[:0]
    keys = generator(seed, purpose).random(int(positions.max()) + 1)[positions]  # the first n draws do not depend on n
    first = np.arange(len(keys)) if count >= len(keys) else np.argpartition(keys, count)[:count]
    return positions[first[np.argsort(keys[first], kind="stable")]]


def _checked(selection: Selection, count: int, size: int) -> Selection:
    """Return a strategy's selection. Raises PluginError if it is not `count` distinct items of `size`."""
    positions = np.asarray(selection.positions)
    inside = positions[(positions >= 0) & (positions < size)]
    if len(positions) != count or len(np.unique(inside)) != count:
        raise PluginError(f"the strategy was asked for {count} of {size} items and chose {positions[:10].tolist()}")
    scores = np.asarray(selection.scores)
    if scores.shape != (count,) or not np.isfinite(scores).all():
        raise PluginError(f"the strategy returned scores of shape {scores.shape}, not {count} finite numbers")
    return selection
