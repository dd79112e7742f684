"""docs/backbones.md lists the parameters and defaults of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextlabel.engine.plugins.parameters import describe
from nextlabel_plugins.backbones import nextlabel_backbones

PAGE = (Path(__file__).parents[3] / "docs" / "backbones.md").read_text("utf-8")


@pytest.mark.parametrize("record", list(nextlabel_backbones()), ids=lambda record: record.name)
def test_parameters_are_documented(record):
    section = PAGE.partition(f"\n## `{record.name}`\n")[2].partition("\n## ")[0]
    for name, schema in describe(record.parameters)["properties"].items():
        assert f"| `{name}` | {str(schema['default']).lower()} | {schema['description']} |\n" in section
