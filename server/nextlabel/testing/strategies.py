"""Checks a strategy."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args

import numpy as np

from nextlabel.contracts import Need, Pool, Selection, Strategy, StrategyPlugin
from nextlabel.contracts.errors import PluginError
from nextlabel.testing.assertions import check_record, errors_prefixed, no_global_randomness, require
from nextlabel.testing.pools import SIZE, large_pool, pools

R = TypeVar("R")
SIZES = (0, 1, 7, SIZE, SIZE + 5)


def check_strategy(
    record: StrategyPlugin, parameters: Mapping[str, Any] | None = None, *, rows: int = 0, memory: int = 1 << 30
) -> None:
    """Check a strategy on small pools of every kind, and on one of `rows` items if that is not 0.

    On the large pool it may use at most `memory` bytes in addition to the pool itself.
    """
    make = check_record(record, parameters, Strategy)
    require(not isinstance(record.needs, str), f"{record.name}: needs must be a list of names, not a string")
    needs = frozenset(record.needs)
    unknown = needs - set(get_args(Need))
    require(
        not unknown, f"{record.name}: needs {sorted(unknown)}, which do not exist; valid: {', '.join(get_args(Need))}"
    )
    read: set[Need] = set()
    cases = pools(needs, read)
    require(cases, f"{record.name}: needs {sorted(needs)}, but no model provides both probabilities and std")
    for name, pool in cases.items():
        with errors_prefixed(f"{record.name}, on the pool {name!r}"):
            _check_scores(make(), pool)
        for size in SIZES:
            with errors_prefixed(f"{record.name}, choosing {size} of the pool {name!r} ({pool.size} items)"):
                _check_pool(make, pool, size)
    unread = sorted(needs - read)
    require(not unread, f"{record.name}: declares {unread} but never reads it; remove it from needs")
    with errors_prefixed(f"{record.name}, on an empty pool"):
        _check_selection(make().select(large_pool(0, needs), 3, np.random.default_rng(0)), 0, 0)
    if rows:
        with errors_prefixed(f"{record.name}, on {rows:,} items"):
            _check_large(make(), large_pool(rows, needs), memory)


def _check_pool(make: Callable[[], Strategy[Any]], pool: Pool, size: int) -> None:
    strategy = make()
    with no_global_randomness():
        selection = _call(strategy.select, pool, size)
    _check_selection(selection, min(size, pool.size), pool.size)
    for other, description in ((make(), "another instance"), (strategy, "the same instance")):
        again = _call(other.select, pool, size)
        same = np.array_equal(selection.positions, again.positions) and np.array_equal(selection.scores, again.scores)
        require(same, f"{description} chooses other items from the same pool and seed; it must depend on nothing else")


def _call(method: Callable[..., R], *arguments: Any) -> R:
    """Call a method of a strategy with the same random numbers; raises AssertionError if it breaks a rule."""
    try:
        return method(*arguments, np.random.default_rng(5))
    except PluginError as error:
        raise AssertionError(str(error)) from error
    except ValueError as error:
        if "read-only" in str(error):
            raise AssertionError("it modifies the arrays that it receives; copy them first") from error
        raise


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


def _check_large(strategy: Strategy[Any], pool: Pool, memory: int) -> None:
    count = min(100, pool.size)
    tracemalloc.start()
    selection = strategy.select(pool, count, np.random.default_rng(5))
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    _check_selection(selection, count, pool.size)
    require(used <= memory, f"it used {used:,} bytes in addition to the pool; at most {memory:,} are allowed")
