"""The records that hooks yield. They describe a plugin without importing its class."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from nextlabel.contracts.data import Need
from nextlabel.contracts.interfaces import Backbone, Dataset, Learner, NoParameters, Strategy

R = TypeVar("R")
Reference: TypeAlias = str | Callable[[Any], R]
"""A class, or "package.module:Class", which is imported only when it is needed."""


@dataclass(frozen=True)
class Bounds:
    """Limits of a parameter, as in `Annotated[int, Bounds(ge=1), "number of points"]`."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None


@dataclass(frozen=True)
class Record(Generic[R]):
    """The fields that all records have."""

    name: str
    """Name in lower case with hyphens, which a project file has after `plugin =`."""
    summary: str
    """One-line description for `nextlabel plugins` and `/info`."""
    target: Reference[R]
    """The plugin's class."""
    parameters: type = NoParameters
    """A frozen dataclass with fields such as `Annotated[int, Bounds(ge=1), "help"]`. Importing it
    must not import torch. A `former_names: ClassVar[Mapping[str, str]]` maps each former name of a
    parameter to its current one: project files with a former name are refused with the current one,
    and checkpoints with a former name still load."""


@dataclass(frozen=True)
class StrategyPlugin(Record[Strategy[Any]]):
    """A query strategy."""

    needs: Iterable[Need] = ()
    """Arrays that the strategy uses; empty if it needs no model."""
    summary_needs: Iterable[Need] = ()
    """Arrays that `summarize` uses. They are computed for it and never stored."""
    in_worker: bool = False
    """True if it must run in the worker, because it imports torch or takes seconds.

    A query then answers 503 with `Retry-After` until its choice is there."""


@dataclass(frozen=True)
class LearnerPlugin(Record[Learner[Any]]):
    """A learner."""

    transductive: bool = False
    """True if it receives the whole pool, with the held-out items unlabelled.

    Its models predict only that pool, or set `Model.fitted`."""


@dataclass(frozen=True)
class BackbonePlugin(Record[Backbone[Any]]):
    """A backbone."""


@dataclass(frozen=True)
class DatasetPlugin(Record[Dataset[Any]]):
    """A data set."""


@dataclass(frozen=True)
class ProjectPlugin:
    """A ready-made project."""

    name: str
    file: Path
    """The TOML file of the project."""


__all__ = [
    "BackbonePlugin",
    "Bounds",
    "DatasetPlugin",
    "LearnerPlugin",
    "ProjectPlugin",
    "Record",
    "Reference",
    "StrategyPlugin",
]
