"""Validates the records that a plugin's hooks yield."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

from nextlabel.contracts.data import Need
from nextlabel.contracts.errors import suggest
from nextlabel.contracts.plugin_records import (
    BackbonePlugin,
    DatasetPlugin,
    LearnerPlugin,
    ProjectPlugin,
    Record,
    StrategyPlugin,
)

_PLUGIN = {"plugin": "the plugin's name"}
RESERVED: Mapping[type[Record[Any]], Mapping[str, str]] = {
    BackbonePlugin: _PLUGIN,
    DatasetPlugin: _PLUGIN,
    LearnerPlugin: {
        **_PLUGIN,
        "features": "the source of the learner's features",
        "members": "the learners of a committee",
    },
    StrategyPlugin: {
        **_PLUGIN,
        "size": "the number of items in a query",
        "also": "further strategies to prepare scores for",
        "until": "strategies that are used before this one",
        "then": "the strategy that chooses among the items that this one keeps",
        "keep": "how many times the size of a query this strategy keeps for `then`",
    },
}
"""The keys beside the parameters in a project file's table, and their meaning, by kind of record."""


def record_error(record: Any, kind: type[Any]) -> str | None:
    """Return what is wrong with a record, or None."""
    if not isinstance(record, kind):
        return f"a {type(record).__name__}, not a {kind.__name__}"
    if not isinstance(record.name, str) or not record.name:
        return f"a {kind.__name__} whose name is {record.name!r}"
    fault = next(_faults(record), None)
    return None if fault is None else f"{record.name!r}, {fault}"


def reserved_name_error(record: Record[Any]) -> str | None:
    """Return a message if one of the record's parameters has a reserved name, or None."""
    reserved = next((names for kind, names in RESERVED.items() if isinstance(record, kind)), _PLUGIN)
    for name in reserved:
        if has_parameter(record, name):
            return (
                f"parameter {name!r} can never be set: {name!r} is reserved "
                f"in project files for {reserved[name]}; choose another name"
            )
    return None


def has_parameter(record: Record[Any], name: str) -> bool:
    """Return whether the record has a parameter of this name that project files can set."""
    return any(parameter.init and parameter.name == name for parameter in fields(record.parameters))


def _faults(record: Any) -> Iterator[str]:
    if isinstance(record, ProjectPlugin) and not isinstance(record.file, Path):
        yield f"whose file is {record.file!r}, not a Path"
    if isinstance(record, Record):
        if not (isinstance(record.parameters, type) and is_dataclass(record.parameters)):
            yield f"whose parameters are {record.parameters!r}, not a dataclass"
        if (fault := reserved_name_error(record)) is not None:
            yield f"whose {fault}"
    if isinstance(record, StrategyPlugin):
        # items of a part of the pool have no embeddings of covered items
        in_parts = [need for need in get_args(Need) if need not in {"covered_embeddings", "labelled_embeddings"}]
        both = (("needs", record.needs, get_args(Need)), ("summary_needs", record.summary_needs, in_parts))
        for field, needs, known in both:
            # an iterator would be exhausted here
            if isinstance(needs, str | Iterator) or not isinstance(needs, Iterable):
                yield f"whose {field} are {needs!r}, not names"
            for need in needs:
                if need not in known:
                    yield f"whose {field} name {need!r}; {suggest(str(need), known)}"
