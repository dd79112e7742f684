"""The page on learners is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextlabel.engine.plugins.parameters import describe
from nextlabel_plugins.learners import nextlabel_learners
from nextlabel_plugins.learners.proden import DEFAULTS

PAGE = (Path(__file__).parents[3] / "docs" / "learners.md").read_text("utf-8")


@pytest.mark.parametrize("record", list(nextlabel_learners()), ids=lambda record: record.name)
def test_parameters_are_documented(record):
    section = PAGE.partition(f"\n## `{record.name}`\n")[2].partition("\n## ")[0]
    for name, about in describe(record.parameters)["properties"].items():
        default = str(about["default"]).lower() if isinstance(about["default"], bool) else about["default"]
        assert f"| `{name}` | {default} | {about['description']} |\n" in section


@pytest.mark.parametrize("network", DEFAULTS)
def test_what_is_usual_for_a_network_is_documented(network):
    usual = DEFAULTS[network]
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{network}` | "))
    assert row.endswith(f"| {usual.epochs}, {usual.batch}, {usual.rate}, {usual.decay}, {usual.filters} |")
