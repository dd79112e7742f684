"""docs/datasets.md lists the parameters of `vectors` with their defaults."""

from __future__ import annotations

from pathlib import Path

from nextlabel.engine.plugins.parameters import describe
from nextlabel_plugins.datasets.vectors import VectorsParameters

PAGE = (Path(__file__).parents[3] / "docs" / "datasets.md").read_text("utf-8")


def test_parameters_are_documented():
    for name, schema in describe(VectorsParameters)["properties"].items():
        default = schema.get("default") or ""
        assert f"| `{name}` | {default}{' ' if default else ''}| {schema['description']} |\n" in PAGE
