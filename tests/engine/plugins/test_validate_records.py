"""Records that cannot be used, such as one with a parameter whose name a project file reads itself."""

from __future__ import annotations

from dataclasses import field, make_dataclass
from typing import Any

import pytest

from nextlabel.contracts import DatasetPlugin, LearnerPlugin, ProjectPlugin, StrategyPlugin
from nextlabel.contracts.plugin_records import Record
from nextlabel.engine.plugins.validate_records import RESERVED, clash, unfit
from nextlabel.engine.project_files import Choice, LearnerChoice, StrategyChoice

TABLES = {DatasetPlugin: Choice, LearnerPlugin: LearnerChoice, StrategyPlugin: StrategyChoice}


def test_they_are_the_keys_that_stand_beside_parameters() -> None:
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
def test_a_parameter_of_such_a_name_is_told(kind: type[Record[Any]], name: str) -> None:
    said = clash(kind("x", "x", "x:X", make_dataclass("Parameters", ["size", name], frozen=True)))
    assert said is not None
    assert said.startswith(f"parameter '{name}' could never be set: '{name}' is reserved")
    assert said.endswith("choose another name")


def test_other_names_are_free() -> None:
    for kind, name in ((DatasetPlugin, "features"), (LearnerPlugin, "also"), (StrategyPlugin, "features")):
        assert clash(kind("x", "x", "x:X", make_dataclass("Parameters", [name], frozen=True))) is None
    # what is worked out, and not given, stands in no project file
    derived = make_dataclass("Parameters", [("plugin", int, field(init=False, default=1))], frozen=True)
    assert clash(DatasetPlugin("x", "x", "x:X", derived)) is None


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (ProjectPlugin("x", "x.toml"), "'x', whose file is 'x.toml', not a Path"),  # type: ignore[arg-type]
        (StrategyPlugin("x", "x", "x:X", needs=None), "'x', whose needs are None, not names"),  # type: ignore[arg-type]
        (StrategyPlugin("x", "x", "x:X", needs="std"), "'x', whose needs are 'std', not names"),  # type: ignore[arg-type]
        (LearnerPlugin("", "x", "x:X"), "a LearnerPlugin whose name is ''"),
    ],
)
def test_what_is_wrong_is_told(record: Any, reason: str) -> None:
    assert unfit(record, type(record)) == reason


def test_needs_that_can_be_read_once_are_none() -> None:
    reason = unfit(StrategyPlugin("x", "x", "x:X", needs=iter(["std"])), StrategyPlugin)  # type: ignore[arg-type]
    assert str(reason).endswith(", not names")
