"""nextlabel projects: lists the projects with their progress."""

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
    """List the projects with their progress."""
    with open_engine(settings) as engine:
        entries = {entry["name"]: entry for entry in engine.info()["projects"]}
        projects = [{**asdict(engine.project(name).status()), **entry} for name, entry in entries.items()]
        faults = list(engine.services.projects.faults.values())
    for fault in faults:
        click.echo(fault, err=True)
    Screen(as_json).answer({"projects": projects}, lambda console: _show(console, projects))


def _show(console: Console, projects: list[dict[str, Any]]) -> None:
    rows = table(("project", "title", "items", "labelled", "open", "live", "measured"))
    for entry in projects:
        counts = [str(entry[name]) for name in ("items", "labelled", "open")]
        shown = {name: value for name, value in entry["metrics"].items() if name in ("accuracy", "rmse")}
        metrics = entry["missing"] or metrics_line(shown)
        rows.add_row(entry["name"], entry["title"], *counts, entry["live"] or "", metrics)
    console.print(rows)
