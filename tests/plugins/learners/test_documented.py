"""docs/learners.md lists the parameters and defaults of the code."""

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
    for name, schema in describe(record.parameters)["properties"].items():
        default = str(schema["default"]).lower() if isinstance(schema["default"], bool) else schema["default"]
        assert f"| `{name}` | {default} | {schema['description']} |\n" in section


@pytest.mark.parametrize("network", DEFAULTS)
def test_the_defaults_of_a_network_are_documented(network):
    defaults = DEFAULTS[network]
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{network}` | "))
    numbers = [defaults.epochs, defaults.batch_size, defaults.learning_rate, defaults.weight_decay, defaults.filters]
    assert row.endswith(f"| {', '.join(map(str, numbers))} |")
