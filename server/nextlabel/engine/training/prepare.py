"""Calls what strategies do in the worker: `summarize` during a scoring, and `prepare` after it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.contracts.data import IntArray, NumberArray
from nextlabel.contracts.errors import NextlabelError, PluginError
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.pool_arrays import build_pool
from nextlabel.engine.prepared import prepared_folder
from nextlabel.engine.random_streams import generator
from nextlabel.engine.scores import Arrays, Summary, link_or_copy, needs_of
from nextlabel.engine.strategies import ChosenStrategy

_SUMMARIZED = "summarized.json"
"""The file of the names of those arrays that come from `summarize`."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


class Preparation:
    """Stores what one strategy prepares for the first `rows` items of a pool.

    If the strategy raises an error and is not `required`, the error is logged and nothing of the
    strategy is stored: a training must not fail because of a strategy that may never be used.
    """

    def __init__(
        self,
        chosen: ChosenStrategy,
        scoring: Path,
        state: PoolState,
        rows: int,
        *,
        required: bool = False,
        called: bool = True,
        previous: Path | None = None,
    ) -> None:
        """`scoring` is the folder to write to; `previous` that of a scoring of the first items, with this strategy.

        A strategy that is not `called` gets no array: what it needs exists only with a model.
        """
        self.chosen = chosen
        self._folder = prepared_folder(scoring, chosen.folder)
        self._folder.mkdir(parents=True)
        self._previous = None if previous is None else prepared_folder(previous, chosen.folder)
        self._state = state
        self._rows = rows
        self._required = required
        self._called = called
        self._failed = False
        self._arrays: dict[str, Any] = {}

    @property
    def summary(self) -> Summary | None:
        """What a scoring must do for `summarize`; None if the strategy has none, or is not called."""
        if not (self._called and self.chosen.summarizes):
            return None

        def add(start: int, stop: int, outputs: Arrays) -> None:
            self._attempt(lambda: self._summarize(start, stop, outputs))

        return Summary(needs_of([self.chosen.summary_needs]), add, complete=self._previous is not None)

    def finish(self, scores: Arrays, covered: IntArray, seed: int) -> tuple[str, ...] | None:
        """Call `prepare`, and return the names of all arrays; None if the strategy failed."""
        if self._called:
            self._attempt(lambda: self._prepare(scores, covered, seed))
        if self._failed:
            shutil.rmtree(self._folder)
            return None
        for array in self._arrays.values():
            array.flush()
        return tuple(sorted(path.stem for path in self._folder.glob("*.npy")))

    def _summarize(self, start: int, stop: int, outputs: Arrays) -> None:
        positions = self._outside_holdout(start, stop)
        if not len(positions):
            return
        needs, covered = self.chosen.summary_needs, positions[:0]
        pool = build_pool(self._state, positions, needs, outputs, lambda: covered, first=start)
        returned = self._checked(self.chosen.strategy.summarize(pool), "summarize", len(positions))
        if self._arrays and set(returned) != set(self._arrays):
            raise PluginError("summarize() returned arrays of other names for other items")
        for name, values in returned.items():
            if name not in self._arrays:
                self._create(name, values)
                self._copy_previous(name)
            self._arrays[name][positions] = values

    def _prepare(self, scores: Arrays, covered: IntArray, seed: int) -> None:
        positions = self._outside_holdout(0, self._rows)
        returned: Mapping[str, NumberArray] = {}
        if len(positions):
            pool = build_pool(self._state, positions, self.chosen.needs, scores, lambda: covered)
            rng = generator(seed, "prepare", self.chosen.folder)
            returned = self._checked(self.chosen.strategy.prepare(pool, rng), "prepare", len(positions))
        if self.chosen.summarizes:
            summarized = self._summarized()
            if both := sorted(set(returned) & set(summarized)):
                raise PluginError(f"prepare() and summarize() both returned {', '.join(both)}")
            (self._folder / _SUMMARIZED).write_text(json.dumps(summarized), "utf-8")
        for name, values in returned.items():
            self._create(name, values)
            self._arrays[name][positions] = values

    def _summarized(self) -> list[str]:
        """Return the names of the arrays of `summarize`, which are reused if there was nothing more to summarize."""
        if self._arrays or self._previous is None:
            return sorted(self._arrays)
        names: list[str] = json.loads((self._previous / _SUMMARIZED).read_text("utf-8"))
        for name in names:
            self._reuse(self._previous / f"{name}.npy")
        return names

    def _outside_holdout(self, start: int, stop: int) -> IntArray:
        return start + np.flatnonzero(~self._state.holdout[start:stop])

    def _create(self, name: str, like: NumberArray) -> None:
        shape = (self._rows, *like.shape[1:])
        path = self._folder / f"{name}.npy"
        self._arrays[name] = np.lib.format.open_memmap(path, mode="w+", dtype=like.dtype, shape=shape)

    def _copy_previous(self, name: str) -> None:
        if self._previous is not None:
            old = np.load(self._previous / f"{name}.npy", mmap_mode="r")
            self._arrays[name][: len(old)] = old

    def _reuse(self, path: Path) -> None:
        old = np.load(path, mmap_mode="r")
        if len(old) == self._rows:
            link_or_copy(path, self._folder / path.name)
        else:
            self._create(path.stem, old)
            self._copy_previous(path.stem)

    def _checked(self, returned: Any, method: str, size: int) -> dict[str, NumberArray]:
        """Return the arrays that a strategy returned. Raises PluginError if they are not one row for each item."""
        if not isinstance(returned, Mapping):
            raise PluginError(f"{method}() returned {type(returned).__name__}, not arrays by name")
        arrays = {name: np.asarray(array) for name, array in returned.items()}
        for name, array in arrays.items():
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise PluginError(f"{method}() returned an array called {name!r}; use letters, digits, '_' and '-'")
            if array.ndim == 0 or len(array) != size or array.dtype.kind not in "biuf":
                shape = f"{array.dtype} {array.shape}"
                raise PluginError(f"{method}() returned {name!r} as {shape}, not numbers ({size}, ...)")
        return arrays

    def _attempt(self, call: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            call()
        except Exception as error:
            reason = str(error) if isinstance(error, NextlabelError) else f"{type(error).__name__}: {error}"
            message = f"strategy {self.chosen.name!r} could not be prepared: {reason}"
            if self._required:
                raise PluginError(message) from error
            print(message, flush=True)  # noqa: T201 - the job's log
            self._failed = True
