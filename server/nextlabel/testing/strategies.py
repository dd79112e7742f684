"""Checks a strategy."""

from __future__ import annotations

import re
import tracemalloc
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, get_args

import numpy as np

from nextlabel.contracts import IntArray, Need, NumberArray, Pool, Selection, Strategy, StrategyPlugin
from nextlabel.contracts.errors import PluginError
from nextlabel.testing.assertions import check_record, errors_prefixed, no_global_randomness, require
from nextlabel.testing.pools import SIZE, Reads, World, large_world, worlds

R = TypeVar("R")
SIZES = (0, 1, 7, SIZE, SIZE + 5)
FEW = 0.1
"""The share of an array's rows that is few."""
CLOSE = 1e-4
"""Largest relative difference between two computations of the same number."""
PART = 2048
"""Items that are summarized at a time on a large pool."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
"""Names of prepared arrays, which become names of files."""

Make = Callable[[], Strategy[Any]]
Prepared = dict[str, NumberArray]


def check_strategy(
    record: StrategyPlugin,
    parameters: Mapping[str, Any] | None = None,
    *,
    rows: int = 0,
    memory: int = 1 << 30,
    few_rows: Collection[Need] = (),
    approximate: bool = False,
) -> None:
    """Check a strategy on small pools of every kind, and on one of `rows` items if that is not 0.

    On the large pool, of 512 dimensions, it may use at most `memory` bytes in addition to the pool
    itself, and a query may read at most a tenth of the rows of the arrays in `few_rows`.

    A strategy that overrides `prepare` must choose the same items with arrays that were prepared
    before the last labels as without them. Set `approximate` if it cannot, for example because it
    prepares clusters.
    """
    make = check_record(record, parameters, Strategy)
    needs = _check_needs(record.name, "needs", record.needs)
    summary_needs = _check_needs(record.name, "summary_needs", record.summary_needs)
    reads: Reads = Counter()
    cases = worlds(needs | summary_needs)
    require(cases, f"{record.name}: needs {sorted(needs)}, but no model provides both probabilities and std")
    check = _Check(make, needs, summary_needs, reads)
    for name, world in cases.items():
        check.pool(record.name, f"the pool {name!r}", world, approximate)
    for field, declared in (("needs", needs), ("summary_needs", summary_needs)):
        unread = sorted(declared - set(reads))
        require(not unread, f"{record.name}: declares {unread} but never reads it; remove it from {field}")
    with errors_prefixed(f"{record.name}, on an empty pool"):
        empty = large_world(0, needs).query(needs, Counter())
        _check_selection(make().select(empty, 3, np.random.default_rng(0)), 0, 0)
    if rows:
        with errors_prefixed(f"{record.name}, on {rows:,} items"):
            check.large(large_world(rows, needs | summary_needs), memory, few_rows)


def _check_needs(name: str, field: str, declared: Any) -> frozenset[Need]:
    require(not isinstance(declared, str), f"{name}: {field} must be a list of names, not a string")
    valid = get_args(Need)
    unknown = sorted(set(declared) - set(valid))
    require(not unknown, f"{name}: {field} {unknown}, which do not exist; valid: {', '.join(valid)}")
    return frozenset(declared)


class _Check:
    """The checks of one strategy on pools."""

    def __init__(self, make: Make, needs: frozenset[Need], summary_needs: frozenset[Need], reads: Reads) -> None:
        self.make, self.needs, self.summary_needs, self.reads = make, needs, summary_needs, reads
        strategy = make()
        self.prepares = type(strategy).prepare is not Strategy.prepare
        self.summarizes = type(strategy).summarize is not Strategy.summarize

    def pool(self, name: str, where: str, world: World, approximate: bool) -> None:
        """Check the strategy called `name` on a small pool, without prepared arrays and with them."""
        chosen = self._choices(name, where, world.query(self.needs, self.reads))
        if not (self.prepares or self.summarizes):
            return
        with errors_prefixed(f"{name}, on {where}"):
            prepared = self.prepared(world)
        pool = world.query(self.needs, self.reads, prepared)
        with_prepared = self._choices(name, f"{where} with prepared arrays", pool)
        if world.distinct and not (approximate or self.summarizes):
            with errors_prefixed(f"{name}, on {where}"):
                for first, second in zip(chosen, with_prepared, strict=True):
                    _check_same_choice(name, first, second)

    def prepared(self, world: World) -> Prepared:
        """Return what `summarize` and `prepare` return for all items of `world`, after checking it."""
        summary = self._summary(world) if self.summarizes else {}
        arrays = self._prepared(world) if self.prepares else {}
        both = sorted(summary.keys() & arrays.keys())
        require(not both, f"summarize() and prepare() both return {both}")
        return {**summary, **arrays}

    def large(self, world: World, memory: int, few_rows: Collection[Need]) -> None:
        """Check how much memory and which rows the strategy uses on a large pool."""
        prepared: Prepared | None = None
        strategy = self.make()
        if self.prepares or self.summarizes:
            with _limited(memory):
                prepared = {} if not self.summarizes else self._summary_in_parts(world, PART)
                prepared |= _call(strategy.prepare, world.whole(self.needs, Counter()))
        reads: Reads = Counter()
        pool = world.query(self.needs, reads, prepared)
        count = min(100, pool.size)
        with _limited(memory):
            selection = strategy.select(pool, count, np.random.default_rng(5))
        _check_selection(selection, count, pool.size)
        for need in sorted(few_rows):
            message = (
                f"a query for {count} items read {reads[need]:,} rows of {need}; use pool.rows() for those it needs"
            )
            require(reads[need] <= FEW * pool.size, message)

    def _choices(self, name: str, where: str, pool: Pool) -> list[Selection]:
        with errors_prefixed(f"{name}, on {where}"):
            _check_scores(self.make(), pool)
        chosen = []
        for size in SIZES:
            with errors_prefixed(f"{name}, choosing {size} of {where} ({pool.size} items)"):
                chosen.append(_check_choice(self.make, pool, size))
        return chosen

    def _prepared(self, world: World) -> Prepared:
        pool = world.whole(self.needs, self.reads)
        first = _check_arrays("prepare", _call(self.make().prepare, pool), pool.size)
        with no_global_randomness():
            again = _call(self.make().prepare, pool)
        same = first.keys() == again.keys() and all(np.array_equal(first[name], again[name]) for name in first)
        require(same, "prepare() returns other arrays for the same pool and seed; it must depend on nothing else")
        return first

    def _summary(self, world: World) -> Prepared:
        items = np.arange(world.size)
        whole = self._summarize(world, items)
        for part in (1, world.size // 3 + 1):
            parts = self._summary_in_parts(world, part)
            same = whole.keys() == parts.keys() and all(
                np.allclose(whole[name], parts[name], rtol=CLOSE, atol=CLOSE) for name in whole
            )
            require(same, f"summarize() returns other rows for {part} items at a time than for all items at once")
        return whole

    def _summary_in_parts(self, world: World, size: int) -> Prepared:
        starts = range(0, world.size, size)
        parts = [self._summarize(world, np.arange(start, min(start + size, world.size))) for start in starts]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _summarize(self, world: World, items: IntArray) -> Prepared:
        strategy = self.make()
        pool = world.part(self.summary_needs, self.reads, items)
        with _rules():
            return _check_arrays("summarize", strategy.summarize(pool), len(items))


def _check_choice(make: Make, pool: Pool, size: int) -> Selection:
    strategy = make()
    selection = _call(strategy.select, pool, size)
    _check_selection(selection, min(size, pool.size), pool.size)
    for other, description in ((make(), "another instance"), (strategy, "the same instance")):
        with no_global_randomness():  # not the first time: importing a library may draw random numbers
            again = _call(other.select, pool, size)
        same = np.array_equal(selection.positions, again.positions) and np.array_equal(selection.scores, again.scores)
        require(same, f"{description} chooses other items from the same pool and seed; it must depend on nothing else")
    return selection


def _check_same_choice(name: str, without: Selection, prepared: Selection) -> None:
    first, second = without.positions.tolist(), prepared.positions.tolist()
    hint = f"it must choose the same items; if it cannot, pass approximate=[{name!r}] to check_plugin"
    require(first == second, f"it chooses {second} with prepared arrays and {first} without; {hint}")
    close = np.allclose(without.scores, prepared.scores, rtol=CLOSE, atol=CLOSE)
    require(close, "the scores of the chosen items differ with prepared arrays and without")


def _check_arrays(method: str, arrays: Any, rows: int) -> Prepared:
    require(
        isinstance(arrays, Mapping), f"{method}() returned {type(arrays).__name__}, not a mapping of arrays by name"
    )
    for name, array in arrays.items():
        valid = isinstance(name, str) and _NAME.fullmatch(name)
        require(valid, f"{method}() returned an array called {name!r}; use letters, digits, '_' and '-'")
        fits = isinstance(array, np.ndarray) and array.dtype.kind in "biuf" and array.shape[:1] == (rows,)
        what = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        require(fits, f"{method}() must return arrays of numbers with {rows} rows, not {name!r}: {what}")
    return dict(arrays)


@contextmanager
def _rules() -> Iterator[None]:
    """Turn the errors of a method that breaks a rule into AssertionErrors."""
    try:
        yield
    except PluginError as error:
        raise AssertionError(str(error)) from error
    except ValueError as error:
        if "read-only" in str(error):
            raise AssertionError("it modifies the arrays that it receives; copy them first") from error
        raise


def _call(method: Callable[..., R], *arguments: Any) -> R:
    """Call a method of a strategy with the same random numbers; raises AssertionError if it breaks a rule."""
    with _rules():
        return method(*arguments, np.random.default_rng(5))


def _check_selection(selection: Selection, count: int, size: int) -> None:
    positions, scores = np.asarray(selection.positions), np.asarray(selection.scores)
    require(positions.ndim == 1 and len(positions) == count, f"it chose {positions.shape} items instead of {count}")
    require(np.issubdtype(positions.dtype, np.integer), f"positions must be whole numbers, not {positions.dtype}")
    inside = (positions >= 0) & (positions < size)
    require(inside.all(), f"positions {positions[~inside].tolist()} lie outside the pool")
    require(len(np.unique(positions)) == count, f"it chose an item twice: {sorted(positions.tolist())}")
    require(scores.shape == (count,), f"select() returned scores of shape {scores.shape} for {count} items")
    require(np.isfinite(scores).all(), f"its scores are not finite: {scores.tolist()}")


def _check_scores(strategy: Strategy[Any], pool: Pool) -> None:
    scores = np.asarray(_call(strategy.score, pool))
    require(scores.shape == (pool.size,), f"score() returned shape {scores.shape} for {pool.size} items")
    require(np.issubdtype(scores.dtype, np.floating), f"score() must return real numbers, not {scores.dtype}")
    require(np.isfinite(scores).all(), "score() returned numbers that are not finite")


@contextmanager
def _limited(memory: int) -> Iterator[None]:
    """Raise AssertionError if the block uses more than `memory` bytes."""
    tracemalloc.start()
    try:
        yield
        used = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    require(used <= memory, f"it used {used:,} bytes in addition to the pool; at most {memory:,} are allowed")
