"""A strategy as a project uses it: its record, its parameters, where its prepared arrays are, and whether it fits."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from nextlabel.contracts.data import Need
from nextlabel.contracts.errors import ProjectError
from nextlabel.contracts.interfaces import Strategy
from nextlabel.contracts.plugin_records import StrategyPlugin
from nextlabel.engine.plugins.parameters import as_given, validate
from nextlabel.engine.plugins.registry import Registry, resolve
from nextlabel.engine.project_files import PluginChoice, ProjectConfig


@dataclass(frozen=True)
class ChosenStrategy:
    """A strategy's record with validated parameters. Its class is imported when it is first used."""

    record: StrategyPlugin
    parameters: Any
    version: str
    """The version of its distribution."""

    @classmethod
    def of(cls, registry: Registry, choice: PluginChoice) -> ChosenStrategy:
        """Return the strategy of a table. Raises NotFound or ProjectError if it or a parameter is unknown."""
        record = registry.strategy(choice.plugin)
        parameters = validate(record.parameters, choice.parameters, f"strategy {choice.plugin!r}")
        return cls(record, parameters, registry.strategies[choice.plugin].source.version)

    @property
    def name(self) -> str:
        """The strategy's name."""
        return self.record.name

    @property
    def needs(self) -> frozenset[Need]:
        """The arrays that it uses."""
        return frozenset(self.record.needs)

    @property
    def summary_needs(self) -> frozenset[Need]:
        """The arrays that its `summarize` uses."""
        return frozenset(self.record.summary_needs)

    @cached_property
    def strategy(self) -> Strategy[Any]:
        """The strategy, created with its parameters."""
        strategy: Strategy[Any] = resolve(self.record.target)(self.parameters)
        return strategy

    @cached_property
    def folder(self) -> str:
        """The name of the folder of its prepared arrays. Other parameters or another version have another one."""
        identity = json.dumps([as_given(self.parameters), self.version], sort_keys=True, default=str)
        return f"{self.name}-{sha256(identity.encode()).hexdigest()[:12]}"

    @property
    def prepares(self) -> bool:
        """Whether its queries need what the worker prepares, which may be no array at all.

        True for every strategy that runs in the worker: only there its class may be imported.
        """
        overrides = self.record.in_worker or type(self.strategy).prepare is not Strategy.prepare
        return overrides or self.summarizes

    @property
    def summarizes(self) -> bool:
        """Whether it overrides `summarize`."""
        return type(self.strategy).summarize is not Strategy.summarize


def name_of(folder: str) -> str:
    """Return the name of the strategy that a folder of prepared arrays belongs to."""
    return folder.rpartition("-")[0]


def check_strategies(registry: Registry, config: ProjectConfig, *, by_class: bool) -> None:
    """Raise ProjectError if a strategy of the project file needs what no model of such a project returns.

    `by_class` is whether the project has classes: models return probabilities with them, mean and std without.
    """
    impossible: set[Need] = {"std"} if by_class else {"probabilities", "samples"}

    def lacks(record: StrategyPlugin) -> set[Need]:
        return impossible & {*record.needs, *record.summary_needs}

    for choice in config.strategy.every:
        lacking = lacks(registry.strategy(choice.plugin))
        if lacking:
            kind = "classification" if by_class else "regression"
            valid = sorted(name for name, offer in registry.strategies.items() if not lacks(offer.record))
            raise ProjectError(
                f"project {config.name!r}: strategy {choice.plugin!r} needs {', '.join(sorted(lacking))}, which the "
                f"models of a {kind} do not return; valid strategies for a {kind}: {', '.join(valid)}"
            )
