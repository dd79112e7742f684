"""nextlabel plugins: what is installed, and what of it could not be used."""

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
    """List strategies, learners and data sets with their parameters."""
    registry = load(blocked=settings.blocked)
    found = describe_plugins(registry)
    for fault in registry.faults:
        click.echo(fault.message, err=True)
    Screen(as_json).answer({"plugins": found}, lambda console: _show(console, found))


def _show(console: Console, found: dict[str, list[dict[str, Any]]]) -> None:
    for part, offers in found.items():
        console.print(part, style="bold")
        for offer in offers:
            heading = f"  {offer['name']} ({offer['distribution']} {offer['version']}): {offer['summary']}"
            for line in (heading, *(f"      {detail}" for detail in _details(offer))):
                console.print(line, soft_wrap=True)


def _details(offer: dict[str, Any]) -> list[str]:
    lines = [f"needs {', '.join(offer['needs'])}"] if offer.get("needs") else []
    lines += ["knows only its pool"] if offer.get("transductive") else []
    lines += [offer["parameters"]["error"]] if "error" in offer["parameters"] else []
    for name, about in offer["parameters"]["properties"].items():
        default = f" = {about['default']}" if "default" in about else ""
        lines.append(f"{name}{default}" + (f": {about['description']}" if "description" in about else ""))
    return lines
