"""nextlabel plugins: lists the installed plugins, and those that cannot be used."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console

from nextlabel.cli.options import as_json, with_settings
from nextlabel.cli.output import Screen
from nextlabel.engine.plugins.parameters import describe_plugins
from nextlabel.engine.plugins.registry import load
from nextlabel.engine.settings import Settings


@click.command("plugins")
@as_json
@with_settings()
def command(settings: Settings, as_json: bool) -> None:
    """List strategies, learners, backbones and data sets with their parameters."""
    registry = load(blocked=settings.blocked)
    plugins = describe_plugins(registry)
    for fault in registry.faults:
        click.echo(fault.message, err=True)
    Screen(as_json).answer({"plugins": plugins}, lambda console: _show(console, plugins))


def _show(console: Console, plugins: dict[str, list[dict[str, Any]]]) -> None:
    for kind, offers in plugins.items():
        console.print(kind, style="bold")
        for offer in offers:
            heading = f"  {offer['name']} ({offer['distribution']} {offer['version']}): {offer['summary']}"
            for line in (heading, *(f"      {detail}" for detail in _details(offer))):
                console.print(line, soft_wrap=True)


def _details(offer: dict[str, Any]) -> list[str]:
    lines = [f"needs {', '.join(offer['needs'])}"] if offer.get("needs") else []
    lines += (
        ["transductive: it learns from the whole pool, and knows the items of it"] if offer.get("transductive") else []
    )
    lines += [offer["parameters"]["error"]] if "error" in offer["parameters"] else []
    for name, schema in offer["parameters"]["properties"].items():
        default = f" = {schema['default']}" if "default" in schema else ""
        lines.append(f"{name}{default}" + (f": {schema['description']}" if "description" in schema else ""))
    return lines
