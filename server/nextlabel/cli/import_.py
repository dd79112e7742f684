"""nextlabel import: labels and images from files of other programs, or of another nextlabel."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from pathlib import Path

import click

from nextlabel.cli.options import as_json, imported_project, open_engine, project_name, with_settings
from nextlabel.cli.output import Screen
from nextlabel.contracts.errors import Unprocessable
from nextlabel.engine.settings import Settings
from nextlabel.import_export.importing.import_file import Imported, import_file
from nextlabel.import_export.importing.rows import ImportOptions
from nextlabel.import_export.registry import READABLE
from nextlabel.web.formatting import plural


@click.command("import")
@project_name
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--format", "form", type=click.Choice(list(READABLE)), help="The format of SOURCE; detected by default.")
@click.option("--annotator", help="The annotator of labels that name none; by default your login name.")
@click.option(
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of images; those that the pool does not have are added.",
)
@click.option("--delimiter", help="The delimiter of a CSV file; detected by default.")
@click.option("--question", metavar="NAME", help="The question to read, if a Label Studio project has several.")
@click.option("--key", help="The key of labels that have neither a time nor a key.")
@click.option("--skip-faulty", is_flag=True, help="Store what is valid, and list the rest.")
@click.option("--dry-run", is_flag=True, help="Check everything, and store nothing.")
@as_json
@with_settings()
def command(
    settings: Settings,
    name: str,
    project_file: Path | None,
    source: Path,
    form: str | None,
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

    Stores everything or nothing, and lists every fault with its place. Importing the same file again stores
    nothing twice.
    """
    if delimiter is not None and len(delimiter := delimiter.replace("\\t", "\t")) != 1:
        raise click.BadParameter("one character, or \\t", param_hint="--delimiter")
    screen = Screen(as_json)
    options = ImportOptions(
        source, annotator or getpass.getuser(), form, images, key, delimiter, question, skip_faulty, dry_run
    )
    with open_engine(settings, project_file) as engine:
        project = imported_project(engine, name)
        try:
            with screen.progress(f"importing into {name}") as progress:
                result = import_file(engine.services, project, options, progress)
        except Unprocessable as error:
            for fault in error.faults if len(error.faults) > 1 else ():  # the message itself has the first
                click.echo(fault, err=True)
            raise
    if not as_json:
        for line in (*result.faults, *result.notes):
            click.echo(line, err=True)
    screen.answer({"project": name, "dry_run": dry_run, **asdict(result)}, _summary(result, dry_run=dry_run))


def _summary(result: Imported, *, dry_run: bool) -> str:
    parts = [plural(result.labels, "label"), *([plural(result.images, "image")] if result.images else [])]
    text = f"{' and '.join(parts)} {'would be stored' if dry_run else 'stored'}"
    if result.present:
        text += f"; {result.present:,} already stored"
    if result.faulty:
        text += f"; {result.faulty:,} left out"
    return text
