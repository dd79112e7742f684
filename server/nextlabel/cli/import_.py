"""nextlabel import: labels and images from files of other tools, or of another nextlabel."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from pathlib import Path

import click

from nextlabel.cli.options import as_json, imported_project, open_engine, project_name, with_settings
from nextlabel.cli.output import Screen
from nextlabel.contracts.errors import Unprocessable
from nextlabel.engine.settings import Settings
from nextlabel.import_export.detect_format import READ
from nextlabel.import_export.importing.import_file import Imported, Wanted, import_file
from nextlabel.import_export.importing.import_rows import Reading
from nextlabel.web.formatting import plural


@click.command("import")
@project_name
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--format", "kind", type=click.Choice(READ), help="What SOURCE is; by default its name and content tell.")
@click.option("--annotator", help="Who says the labels that name nobody; by default the name you are logged in with.")
@click.option(
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with the images that the pool does not have: they are added.",
)
@click.option("--delimiter", help="What parts the cells of a CSV; by default the header tells.")
@click.option("--question", metavar="NAME", help="The Choices to read, where Label Studio asks several things.")
@click.option("--key", help="Names the labels that have neither time nor key; by default the file's content does.")
@click.option("--skip-faulty", is_flag=True, help="Store what can be stored, and tell of the rest.")
@click.option("--dry-run", is_flag=True, help="Check everything and store nothing.")
@as_json
@with_settings()
def command(
    settings: Settings,
    name: str,
    source: Path,
    kind: str | None,
    annotator: str | None,
    images: Path | None,
    delimiter: str | None,
    question: str | None,
    key: str | None,
    skip_faulty: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Add the labels and images of SOURCE to PROJECT: a file of labels, or a folder of images.

    All of it or nothing: every fault is told with its line. The same file again stores nothing twice.
    """
    if delimiter is not None and len(delimiter := delimiter.replace("\\t", "\t")) != 1:
        raise click.BadParameter("one character, or \\t", param_hint="--delimiter")
    screen = Screen(as_json)
    reading = Reading(delimiter, question)
    who = annotator or getpass.getuser()
    wanted = Wanted(source, who, kind, images, key, reading, skip_faulty, dry_run)
    with open_engine(settings) as engine:
        project = imported_project(engine, name)
        try:
            with screen.progress(f"importing into {name}") as advance:
                done = import_file(engine.services, project, wanted, advance)
        except Unprocessable as error:
            for fault in error.faults if len(error.faults) > 1 else ():  # the message itself tells the first
                click.echo(fault, err=True)
            raise
    if not as_json:
        for line in (*done.faults, *done.notes):
            click.echo(line, err=True)
    screen.answer({"project": name, "dry_run": dry_run, **asdict(done)}, _words(done, dry_run=dry_run))


def _words(done: Imported, *, dry_run: bool) -> str:
    """Return what was done, for a person."""
    parts = [plural(done.labels, "label"), *([plural(done.images, "image")] if done.images else [])]
    said = f"{' and '.join(parts)} {'would be stored' if dry_run else 'stored'}"
    if done.present:
        said += f"; {done.present:,} were there already"
    if done.faulty:
        said += f"; {done.faulty:,} left out"
    return said
