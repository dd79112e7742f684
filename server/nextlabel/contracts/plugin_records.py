"""What hooks yield: small typed records that name what is offered, without loading it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from nextlabel.contracts.data import Need
from nextlabel.contracts.interfaces import Dataset, Learner, NoParameters, Strategy

R = TypeVar("R")
Reference: TypeAlias = str | Callable[[Any], R]
"""A class, or "package.module:Class", which is imported only when it is used."""


@dataclass(frozen=True)
class Bounds:
    """Limits of a parameter: `Annotated[int, Bounds(ge=1), "how many"]`."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None


@dataclass(frozen=True)
class Record(Generic[R]):
    """What every record says."""

    name: str
    """Lower case, with hyphens: what a project file writes after `plugin =`."""
    summary: str
    """One line for `nextlabel plugins` and `/info`."""
    target: Reference[R]
    """The class behind it."""
    parameters: type = NoParameters
    """A frozen dataclass; its fields `Annotated[type, Bounds(...), "help"]`. Importing it
    must not import torch. A `former_names: ClassVar[Mapping[str, str]]` maps each former name of a
    parameter to its current one: project files with a former name are refused with the current one,
    and checkpoints with a former name still load."""


@dataclass(frozen=True)
class StrategyPlugin(Record[Strategy[Any]]):
    """A query strategy."""

    needs: Iterable[Need] = ()
    """What the engine must compute for it; empty: it needs no model."""


@dataclass(frozen=True)
class LearnerPlugin(Record[Learner[Any]]):
    """A learner."""

    transductive: bool = False
    """True: it learns from the whole pool, labelled or not, and predicts only that."""


@dataclass(frozen=True)
class DatasetPlugin(Record[Dataset[Any]]):
    """A data set."""


@dataclass(frozen=True)
class ProjectPlugin:
    """A project that comes in the box."""

    name: str
    file: Path
    """Its TOML file."""


__all__ = [
    "Bounds",
    "DatasetPlugin",
    "LearnerPlugin",
    "ProjectPlugin",
    "Record",
    "Reference",
    "StrategyPlugin",
]
