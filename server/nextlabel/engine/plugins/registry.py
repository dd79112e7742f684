"""Finds plugins through entry points and loads them one at a time.

pluggy's own loader silently drops a second plugin of the same name, stops at the first that
fails to import, and ignores unknown hooks. This one continues and reports what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, distributions
from typing import Any, Generic, TypeVar

import pluggy

from nextlabel.contracts import hookspecs
from nextlabel.contracts.errors import NotFound, PluginError, suggest
from nextlabel.contracts.plugin_records import (
    BackbonePlugin,
    DatasetPlugin,
    LearnerPlugin,
    ProjectPlugin,
    Reference,
    StrategyPlugin,
)
from nextlabel.engine.plugins.validate_records import record_error

R = TypeVar("R")
T = TypeVar("T", StrategyPlugin, LearnerPlugin, BackbonePlugin, DatasetPlugin, ProjectPlugin)

_RECORDS: Mapping[str, type[Any]] = {
    "strategies": StrategyPlugin,
    "learners": LearnerPlugin,
    "backbones": BackbonePlugin,
    "datasets": DatasetPlugin,
    "projects": ProjectPlugin,
}
"""What each hook yields, by the last part of its name."""


@dataclass(frozen=True)
class Source:
    """The distribution and module that a plugin belongs to."""

    distribution: str
    version: str
    module: str


@dataclass(frozen=True)
class Offer(Generic[R]):
    """A record with its source."""

    record: R
    source: Source


@dataclass(frozen=True)
class Fault:
    """A plugin that cannot be used, described in one line."""

    message: str
    fatal: bool = False
    """True if two plugins have the same name, so that neither can be chosen."""


@dataclass(frozen=True)
class Candidate:
    """An entry point and its distribution."""

    entry: EntryPoint
    distribution: str
    version: str


def installed() -> list[Candidate]:
    """Return the entry points of the group on this machine, sorted by distribution and name."""
    by_name: dict[tuple[str, str], Candidate] = {}
    seen: set[str] = set()
    for distribution in distributions():
        try:
            name, version, entries = distribution.metadata["Name"], distribution.version, distribution.entry_points
        except Exception:  # noqa: BLE001, S112 - any distribution may have broken metadata
            continue
        if not name or name in seen:  # the first on sys.path wins, as for imports
            continue
        seen.add(name)
        for entry in entries.select(group=hookspecs.GROUP):
            by_name[name, entry.name] = Candidate(entry, name, version)
    return [by_name[key] for key in sorted(by_name)]


class Registry:
    """The strategies, learners, backbones, data sets and projects that plugins offer, by name.

    Each application has one.
    """

    def __init__(
        self,
        strategies: Sequence[Offer[StrategyPlugin]] = (),
        learners: Sequence[Offer[LearnerPlugin]] = (),
        datasets: Sequence[Offer[DatasetPlugin]] = (),
        projects: Sequence[Offer[ProjectPlugin]] = (),
        backbones: Sequence[Offer[BackbonePlugin]] = (),
        faults: Sequence[Fault] = (),
    ) -> None:
        collected = list(faults)
        self.strategies = _by_name("strategy", strategies, collected)
        self.learners = _by_name("learner", learners, collected)
        self.backbones = _by_name("backbone", backbones, collected)
        self.datasets = _by_name("data set", datasets, collected)
        self.projects = _by_name("project", projects, collected)
        self.faults = tuple(collected)

    def strategy(self, name: str) -> StrategyPlugin:
        """Return the strategy called `name`; raises NotFound that suggests the closest name."""
        return _get("strategy", name, self.strategies)

    def learner(self, name: str) -> LearnerPlugin:
        """Return the learner called `name`; raises NotFound that suggests the closest name."""
        return _get("learner", name, self.learners)

    def backbone(self, name: str) -> BackbonePlugin:
        """Return the backbone called `name`; raises NotFound that suggests the closest name."""
        return _get("backbone", name, self.backbones)

    def dataset(self, name: str) -> DatasetPlugin:
        """Return the data set called `name`; raises NotFound that suggests the closest name."""
        return _get("data set", name, self.datasets)

    def check(self) -> None:
        """Raise PluginError if two plugins have the same name."""
        fatal = [fault.message for fault in self.faults if fault.fatal]
        if fatal:
            raise PluginError("; ".join(fatal))


def load(candidates: Iterable[Candidate] | None = None, blocked: Iterable[str] = ()) -> Registry:
    """Load every entry point except those `blocked` (by entry-point or distribution name)."""
    blocked_names = set(blocked)
    parts: dict[str, list[Offer[Any]]] = {part: [] for part in _RECORDS}
    faults: list[Fault] = []
    for candidate in installed() if candidates is None else candidates:
        if not blocked_names & {candidate.entry.name, candidate.distribution}:
            _load_one(candidate, parts, faults)
    return Registry(**parts, faults=faults)


def resolve(reference: Reference[R]) -> Any:
    """Return the class that a record's target refers to, importing it if it is a "module:Class"."""
    if not isinstance(reference, str):
        return reference
    module, _, name = reference.partition(":")
    try:
        return getattr(import_module(module), name)
    except (Exception, SystemExit) as error:  # a third-party module may raise anything when imported
        raise PluginError(f"the plugin's class {reference!r} cannot be loaded: {_line(error)}") from error


def _load_one(candidate: Candidate, parts: dict[str, list[Offer[Any]]], faults: list[Fault]) -> None:
    entry = candidate.entry
    where = f"plugin {entry.name!r} of {candidate.distribution} {candidate.version}"
    # one manager per plugin, so that a broken plugin does not affect others
    manager = pluggy.PluginManager(hookspecs.GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(entry.load(), name=entry.value)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        hooks = [name for name in vars(hookspecs) if name.startswith("nextlabel_")]
        wrong = [name for name in vars(error.plugin) if name.startswith("nextlabel_") and name not in hooks]
        if wrong:
            reason = f"nextlabel has no hook {wrong[0]!r}; {suggest(wrong[0], hooks)}"
        else:
            reason = f"it breaks the hook contract: {str(error).splitlines()[0]}"
        faults.append(Fault(f"{where} was left out: {reason}"))
        return
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a third-party module may raise anything when imported
        faults.append(Fault(f"{where} was left out: importing {entry.value!r} failed: {_line(error)}"))
        return
    source = Source(candidate.distribution, candidate.version, entry.value)
    for part, kind in _RECORDS.items():
        try:
            records = [record for yielded in getattr(manager.hook, f"nextlabel_{part}")() for record in yielded]
        except Exception as error:  # noqa: BLE001 - as above
            faults.append(Fault(f"{where}: its hook nextlabel_{part} failed: {_line(error)}"))
            continue
        for record in records:
            error_text = record_error(record, kind)
            if error_text is None:
                parts[part].append(Offer(record, source))
            else:
                faults.append(Fault(f"{where}: nextlabel_{part} yielded {error_text}"))


def _by_name(kind: str, offers: Sequence[Offer[T]], faults: list[Fault]) -> dict[str, Offer[T]]:
    named: dict[str, Offer[T]] = {}
    for offer in sorted(offers, key=lambda offer: (offer.record.name, offer.source.distribution)):
        first = named.setdefault(offer.record.name, offer)
        if first is not offer:
            both = " and ".join(f"{o.source.distribution} ({o.source.module})" for o in (first, offer))
            faults.append(
                Fault(f"two plugins offer the {kind} {offer.record.name!r}: {both}; remove or block one", True)
            )
    return named


def _get(kind: str, name: str, offers: dict[str, Offer[T]]) -> T:
    if name not in offers:
        raise NotFound.name(kind, name, offers)
    return offers[name].record


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
