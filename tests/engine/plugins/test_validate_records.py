"""Invalid plugin records, such as one with a parameter whose name is reserved in project files."""

from __future__ import annotations

from dataclasses import field, make_dataclass
from typing import Any

import pytest

from nextlabel.contracts import BackbonePlugin, DatasetPlugin, LearnerPlugin, ProjectPlugin, StrategyPlugin
from nextlabel.contracts.plugin_records import Record
from nextlabel.engine.plugins.validate_records import RESERVED, record_error, reserved_name_error
from nextlabel.engine.project_files import FeaturesChoice, LearnerChoice, PluginChoice, StrategyChoice

TABLES = {
    BackbonePlugin: FeaturesChoice,
    DatasetPlugin: PluginChoice,
    LearnerPlugin: LearnerChoice,
    StrategyPlugin: StrategyChoice,
}


def test_reserved_names_are_the_other_keys_of_the_tables() -> None:
    assert {kind: set(names) for kind, names in RESERVED.items()} == {
        kind: set(table.model_fields) for kind, table in TABLES.items()
    }


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((kind, "plugin") for kind in TABLES),
        (LearnerPlugin, "features"),
        (StrategyPlugin, "also"),
    ],
)
def test_a_parameter_with_a_reserved_name_is_reported(kind: type[Record[Any]], name: str) -> None:
    message = reserved_name_error(kind("x", "x", "x:X", make_dataclass("Parameters", ["beta", name], frozen=True)))
    assert message is not None
    assert message.startswith(f"parameter '{name}' can never be set: '{name}' is reserved")
    assert message.endswith("choose another name")


def test_other_names_are_allowed() -> None:
    for kind, name in (
        (DatasetPlugin, "features"),
        (LearnerPlugin, "also"),
        (StrategyPlugin, "features"),
        (StrategyPlugin, "labels"),
    ):
        assert reserved_name_error(kind("x", "x", "x:X", make_dataclass("Parameters", [name], frozen=True))) is None
    # derived fields are not set by project files
    derived = make_dataclass("Parameters", [("plugin", int, field(init=False, default=1))], frozen=True)
    assert reserved_name_error(DatasetPlugin("x", "x", "x:X", derived)) is None


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (ProjectPlugin("x", "x.toml"), "'x', whose file is 'x.toml', not a Path"),  # type: ignore[arg-type]
        (StrategyPlugin("x", "x", "x:X", needs=None), "'x', whose needs are None, not names"),  # type: ignore[arg-type]
        (StrategyPlugin("x", "x", "x:X", needs="std"), "'x', whose needs are 'std', not names"),  # type: ignore[arg-type]
        (LearnerPlugin("", "x", "x:X"), "a LearnerPlugin whose name is ''"),
    ],
)
def test_invalid_records_are_described(record: Any, reason: str) -> None:
    assert record_error(record, type(record)) == reason


def test_summaries_have_no_covered_items() -> None:
    """They receive a part of the pool, whose embeddings are not stored yet."""
    reason = record_error(StrategyPlugin("x", "x", "x:X", summary_needs=["covered_embeddings"]), StrategyPlugin)
    assert str(reason).startswith("'x', whose summary_needs name 'covered_embeddings'; did you mean 'embeddings'")
    assert record_error(StrategyPlugin("x", "x", "x:X", summary_needs=["samples"]), StrategyPlugin) is None


def test_needs_must_not_be_an_iterator() -> None:
    reason = record_error(StrategyPlugin("x", "x", "x:X", needs=iter(["std"])), StrategyPlugin)  # type: ignore[arg-type]
    assert str(reason).endswith(", not names")
