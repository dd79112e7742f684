"""nextlabel label: store one annotator's label of one item."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from nextlabel.cli.options import as_json, imported_project, open_engine, project_name, with_settings
from nextlabel.cli.output import Screen
from nextlabel.engine.settings import Settings
from nextlabel.store.labels import Label
from nextlabel.web.schemas.label_schemas import AcceptedReply


@click.command("label")
@project_name
@click.argument("item")
@click.argument("classes", nargs=-1, metavar="CLASS...")
@click.option("--value", type=float, help="The item's value, in a regression.")
@click.option("--skip", is_flag=True, help="Give no label; the item is not returned to you by queries again.")
@click.option("--retract", is_flag=True, help="Retract your current label of the item.")
@click.option("--annotator", help="Name of the annotator; by default your login name.")
@click.option("--key", help="Makes the command safe to repeat: a label with the same key is stored once.")
@as_json
@with_settings()
def command(
    settings: Settings,
    name: str,
    project_file: Path | None,
    item: str,
    classes: tuple[str, ...],
    value: float | None,
    skip: bool,
    retract: bool,
    annotator: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Store which classes ITEM of PROJECT could be: one class is a full label, several are a partial label."""
    if sum((bool(classes), value is not None, skip, retract)) != 1:
        raise click.UsageError("give exactly one of the four: classes, --value, --skip or --retract")
    label = Label(candidates=classes or None, value=value, skip=skip, retract=retract)
    with open_engine(settings, project_file) as engine:
        project = imported_project(engine, name)
        accepted = project.labels.submit(annotator or getpass.getuser(), [(item, label)], key)
    text = " or ".join(classes) or (f"{value:g}" if value is not None else "skipped" if skip else "retracted")
    Screen(as_json).answer(AcceptedReply(accepted=accepted), f"{item}: {text}")
