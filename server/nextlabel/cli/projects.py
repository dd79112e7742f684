"""nextlabel projects: all of them, and how far each has come."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from rich.console import Console

from nextlabel.cli.options import as_json, open_engine, with_settings
from nextlabel.cli.output import Screen, metrics_line, table
from nextlabel.engine.settings import Settings


@click.command("projects")
@as_json
@with_settings()
def command(settings: Settings, as_json: bool) -> None:
    """List the projects and how far each has come."""
    with open_engine(settings) as engine:
        told = {entry["name"]: entry for entry in engine.info()["projects"]}
        found = [{**asdict(engine.project(name).status()), **entry} for name, entry in told.items()]
        faults = list(engine.services.projects.faults.values())
    for fault in faults:
        click.echo(fault, err=True)
    Screen(as_json).answer({"projects": found}, lambda console: _show(console, found))


def _show(console: Console, found: list[dict[str, Any]]) -> None:
    rows = table(("project", "title", "items", "labelled", "open", "live", "measured"))
    for entry in found:
        counts = [str(entry[name]) for name in ("items", "labelled", "open")]
        shown = {name: value for name, value in entry["metrics"].items() if name in ("accuracy", "rmse")}
        said = entry["missing"] or metrics_line(shown)
        rows.add_row(entry["name"], entry["title"], *counts, entry["live"] or "", said)
    console.print(rows)
