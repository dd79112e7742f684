"""nextlabel export: labels, images and the model, for other programs or another nextlabel."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import click

from nextlabel.cli.listen_socket import address
from nextlabel.cli.options import as_json, imported_project, open_engine, project_name, with_settings
from nextlabel.cli.output import Screen
from nextlabel.engine.settings import Settings
from nextlabel.import_export.exporting.export_file import export_file
from nextlabel.import_export.exporting.snapshot import Exported, Snapshot, WriteOptions
from nextlabel.import_export.format import Format, Option
from nextlabel.import_export.registry import WRITABLE

STDOUT = Path("-")


def _names(applies: Callable[[Format], bool]) -> str:
    return ", ".join(form.name for form in WRITABLE.values() if applies(form))


def _with_option(option: Option) -> str:
    return _names(lambda form: option in form.options)


@click.command("export")
@project_name
@click.option("--format", "kind", type=click.Choice(list(WRITABLE)), required=True, help="The format to write.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help=f"The folder ({_names(lambda form: form.writes_folder)}) or file (the others) to write; "
    f"- prints {_names(lambda form: form.printable)}.",
)
@click.option(
    "--resolved/--history",
    "resolved",
    default=False,
    help=f"{_with_option('resolved')}: one row per item, or every label ever stored (the default).",
)
@click.option(
    "--all/--labelled", "everything", default=False, help="Every item, or those that were ever labelled (the default)."
)
@click.option("--predictions", is_flag=True, help="With --resolved: the live model's prediction for each item.")
@click.option("--copy-images", is_flag=True, help=f"{_with_option('copy-images')}: write the images too, to images/.")
@click.option("--image-prefix", help=f"{_with_option('image-prefix')}: what the addresses of the images begin with.")
@click.option("--checkpoint", help=f"{_with_option('checkpoint')}: a checkpoint other than the live one.")
@click.option("--force", is_flag=True, help="Replace an earlier export.")
@as_json
@with_settings("host", "port")
def command(
    settings: Settings,
    name: str,
    project_file: Path | None,
    kind: str,
    out: Path,
    resolved: bool,
    everything: bool,
    predictions: bool,
    copy_images: bool,
    image_prefix: str | None,
    checkpoint: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write PROJECT's labels, images or model."""
    form = WRITABLE[kind]
    chosen: dict[Option, object] = {
        "resolved": resolved, "predictions": predictions, "copy-images": copy_images,
        "image-prefix": image_prefix, "checkpoint": checkpoint,
    }  # fmt: skip
    _check(form, out, {option for option, value in chosen.items() if value}, as_json=as_json)
    prefix = f"/data/local-files/?d={quote(out.name)}/" if copy_images else f"{address(settings.host, settings.port)}/"
    options = WriteOptions(resolved, everything, predictions, copy_images, image_prefix or prefix, checkpoint)
    screen = Screen(as_json)
    with open_engine(settings, project_file) as engine:
        project = imported_project(engine, name) if form.needs_pool else engine.project(name)
        if out == STDOUT:
            exported = _print(Snapshot(engine.services, project.config), form, options)
        else:
            with screen.progress(f"exporting {name}") as progress:
                exported = export_file(
                    Snapshot(engine.services, project.config, progress), kind, out, options, replace=force
                )
    if not as_json:
        for note in exported.notes:
            click.echo(note, err=True)
    if out != STDOUT:
        fields = {field: value for field, value in asdict(exported).items() if value is not None}
        screen.answer({"project": name, "out": str(out), "format": kind, **fields}, f"{out}: {_summary(exported)}")


def _check(form: Format, out: Path, chosen: set[Option], *, as_json: bool) -> None:
    """Raise UsageError for an option that does not apply to the format: it would be ignored silently."""
    for option in sorted(chosen - form.options):
        raise click.UsageError(f"--{option} applies to {_with_option(option)}, not to {form.name}")
    if "predictions" in chosen and "resolved" not in chosen:
        raise click.UsageError("--predictions needs --resolved: the history has no predictions")
    if out == STDOUT and not form.printable:
        raise click.UsageError(f"{_names(lambda form: form.printable)} can be printed; {form.name} needs a path")
    if out == STDOUT and as_json:
        raise click.UsageError("--json and --out - both print to standard output; use only one of them")


def _print(snapshot: Snapshot, form: Format, options: WriteOptions) -> Exported:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "export"
        exported = export_file(snapshot, form.name, path, options)
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    return exported


def _summary(exported: Exported) -> str:
    if exported.checkpoint is not None:
        return f"checkpoint {exported.checkpoint}, with labels and preprocessing in its metadata"
    counts = {"items": exported.items, "labels": exported.labels, "images": exported.images}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count is not None)
