"""docs/strategies.md lists the strategies, and the parameters and defaults of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextlabel.contracts import StrategyPlugin
from nextlabel.engine.plugins.parameters import describe
from nextlabel_plugins.strategies import nextlabel_strategies

PAGE = (Path(__file__).parents[3] / "docs" / "strategies.md").read_text("utf-8")


@pytest.mark.parametrize("record", list(nextlabel_strategies()), ids=lambda record: record.name)
def test_strategies_and_their_parameters_are_documented(record: StrategyPlugin) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{record.name}` | "))
    needs = {need for need in (*record.needs, *record.summary_needs) if need != "covered_embeddings"}
    assert set(row.removesuffix(" |").rpartition(" | ")[2].split(", ")) == (needs or {"nothing"})
    section = PAGE.partition(f"\n## `{record.name}`\n")[2].partition("\n## ")[0]
    for name, schema in describe(record.parameters)["properties"].items():
        default = str(schema["default"]).lower() if isinstance(schema["default"], bool) else schema["default"]
        assert f"| `{name}` | {default} | {schema['description']} |\n" in section
