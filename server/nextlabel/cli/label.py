"""nextlabel label: what one annotator says of one item."""

from __future__ import annotations

import getpass

import click

from nextlabel.cli.options import as_json, imported, opened, project_name, with_settings
from nextlabel.cli.output import Screen
from nextlabel.engine.settings import Settings
from nextlabel.store.labels import Label
from nextlabel.web.schemas.label_responses import AcceptedReply


@click.command("label")
@project_name
@click.argument("item")
@click.argument("classes", nargs=-1, metavar="CLASS...")
@click.option("--value", type=float, help="The item's value, in a regression.")
@click.option("--skip", is_flag=True, help="Say nothing of it, and be asked no more.")
@click.option("--retract", is_flag=True, help="Take back what you said of it.")
@click.option("--annotator", help="Who says so; by default the name you are logged in with.")
@click.option("--key", help="Sent again with the same key, the same label is stored once.")
@as_json
@with_settings()
def command(
    settings: Settings,
    name: str,
    item: str,
    classes: tuple[str, ...],
    value: float | None,
    skip: bool,
    retract: bool,
    annotator: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Say which classes ITEM of PROJECT could be: one is a full label, several a partial one."""
    if sum((bool(classes), value is not None, skip, retract)) != 1:
        raise click.UsageError("name classes, or give --value, --skip or --retract: one of the four")
    label = Label(candidates=classes or None, value=value, skip=skip, retract=retract)
    with opened(settings) as engine:
        accepted = imported(engine, name).labels.submit(annotator or getpass.getuser(), [(item, label)], key)
    said = " or ".join(classes) or (f"{value:g}" if value is not None else "skipped" if skip else "retracted")
    Screen(as_json).answer(AcceptedReply(accepted=accepted), f"{item}: {said}")
