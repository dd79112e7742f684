"""Compositions: which strategy a query uses, and strategies that choose among the items that another keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nextlabel.contracts.data import IntArray, Selection
from nextlabel.contracts.interfaces import Strategy
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.plugins.parameters import as_given
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import PluginChoice, ProjectConfig, StrategyChoice
from nextlabel.engine.queries.current_scores import Scores
from nextlabel.engine.queries.selection import Selector
from nextlabel.engine.strategies import ChosenStrategy


@dataclass(frozen=True)
class Composition:
    """The strategies of one query: `first` alone, or `first` keeps items and `then` chooses among them."""

    first: ChosenStrategy
    then: ChosenStrategy | None = None
    keep: int = 1
    """How many times the number of items to choose `first` keeps."""

    @property
    def stages(self) -> tuple[ChosenStrategy, ...]:
        """The strategies in the order in which they run."""
        return (self.first,) if self.then is None else (self.first, self.then)

    @property
    def name(self) -> str:
        """The name that the query's record has: that of `first`."""
        return self.first.record.name

    @property
    def in_worker(self) -> bool:
        """Whether a strategy must run in the worker."""
        return any(stage.record.in_worker for stage in self.stages)

    @property
    def uses_scores(self) -> bool:
        """Whether a strategy uses what a scoring holds, and so can choose only among the items in it."""
        return any(stage.needs or stage.prepares for stage in self.stages)

    def parameters(self) -> dict[str, Any]:
        """Return everything that `recorded` needs besides the name, as plain JSON."""
        own = as_given(self.first.parameters)
        if self.then is None:
            return own
        return {**own, "then": {"plugin": self.then.record.name, **as_given(self.then.parameters)}, "keep": self.keep}

    def selector(self, config: ProjectConfig, scores: Scores) -> Selector:
        """Import the classes and return the selector."""
        first = _selector(self.first, config, scores)
        if self.then is None:
            return first
        return FilteredSelector(**vars(_selector(self.then, config, scores)), first=first, keep=self.keep)


@dataclass(frozen=True, kw_only=True)
class FilteredSelector(Selector):
    """Chooses among the items that another strategy keeps."""

    first: Selector
    keep: int

    def select(
        self,
        state: PoolState,
        positions: IntArray,
        rows: int,
        count: int,
        rng: np.random.Generator,
        taken: Sequence[int] = (),
    ) -> Selection:
        """Choose `count` of the `keep * count` items with the best scores of `first`; the scores are of the second."""
        view = self.first.view(state, positions, rows, taken)
        with self.first.named_errors():
            scores = self.first.strategy.checked_scores(view, rng)
        # the default choice, by scores, even if the strategy chooses a batch as a whole
        best = Strategy.choose(self.first.strategy, view, scores, min(self.keep * count, view.size), rng)
        assert not isinstance(best, Selection)
        part = np.sort(best)
        selection = self.select_in(self.view(state, positions, rows, taken, part), count, rng)
        return Selection(part[selection.positions], selection.scores)


def project_composition(registry: Registry, choice: StrategyChoice, state: PoolState) -> Composition:
    """Return what the project file has for a project with this many labels."""
    if choice.until:
        labelled = int(np.count_nonzero(state.labelled & ~state.holdout))
        for early in sorted(choice.until, key=lambda early: early.labels):
            if labelled < early.labels:
                return Composition(ChosenStrategy.of(registry, early))
    if choice.then is None:
        return Composition(ChosenStrategy.of(registry, choice))
    return Composition(ChosenStrategy.of(registry, choice), ChosenStrategy.of(registry, choice.then), choice.keep)


def named_composition(registry: Registry, choice: StrategyChoice, name: str) -> Composition:
    """Return the strategy `name` alone, with the parameters that the project file has for it."""
    return Composition(ChosenStrategy.of(registry, choice.named(name)))


def recorded_composition(registry: Registry, name: str, parameters: Mapping[str, Any]) -> Composition:
    """Return the strategies of a query's record."""
    if "then" not in parameters:
        return Composition(ChosenStrategy.of(registry, _choice(plugin=name, **parameters)))
    own = {key: value for key, value in parameters.items() if key not in {"then", "keep"}}
    then = ChosenStrategy.of(registry, _choice(**parameters["then"]))
    return Composition(ChosenStrategy.of(registry, _choice(plugin=name, **own)), then, parameters["keep"])


def _selector(chosen: ChosenStrategy, config: ProjectConfig, scores: Scores) -> Selector:
    prepared = scores.prepared.get(chosen.folder)
    return Selector(config, chosen.strategy, chosen.needs, scores.arrays, prepared, chosen.name)


def _choice(**table: Any) -> PluginChoice:
    return PluginChoice.model_validate(table)
