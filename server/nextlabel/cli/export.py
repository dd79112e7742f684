"""nextlabel export: labels, images and the model, for other tools or another nextlabel."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

import click

from nextlabel.cli.listen_socket import address
from nextlabel.cli.options import as_json, imported_project, open_engine, project_name, with_settings
from nextlabel.cli.output import Screen
from nextlabel.engine.engine import Engine
from nextlabel.engine.settings import Settings
from nextlabel.import_export.exporting.export_file import FORMATS, TABLES, Asked, Exported, export, lines

STDOUT = Path("-")


@click.command("export")
@project_name
@click.option("--format", "kind", type=click.Choice(FORMATS), required=True, help="What to write.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="The file (csv, jsonl, onnx) or folder (imagefolder, coco, label-studio) to write; - prints csv and jsonl.",
)
@click.option(
    "--resolved/--history",
    "resolved",
    default=False,
    help="csv, jsonl: one row an item, as it stands, or every label there ever was (the default).",
)
@click.option(
    "--all/--labelled", "everything", default=False, help="Every item, or those somebody spoke of (the default)."
)
@click.option(
    "--predictions", "predicted", is_flag=True, help="With --resolved: what the live model says of each item."
)
@click.option("--copy-images", "copy", is_flag=True, help="coco, label-studio: write the images too, into images/.")
@click.option("--image-prefix", "prefix", help="label-studio: what stands before the address of an image.")
@click.option("--checkpoint", help="onnx: another checkpoint than the live one.")
@click.option("--force", is_flag=True, help="Replace an earlier export.")
@as_json
@with_settings("host", "port")
def command(
    settings: Settings,
    name: str,
    kind: str,
    out: Path,
    resolved: bool,
    everything: bool,
    predicted: bool,
    copy: bool,
    prefix: str | None,
    checkpoint: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write what PROJECT knows: its labels, its images, or its model."""
    _check(kind, out, resolved=resolved, predicted=predicted, copy=copy, checkpoint=checkpoint, as_json=as_json)
    place = f"/data/local-files/?d={quote(out.name)}/" if copy else f"{address(settings.host, settings.port)}/"
    asked = Asked(kind, resolved, everything, predicted, copy, prefix or place, checkpoint, force)
    screen = Screen(as_json)
    with open_engine(settings) as engine:
        if out == STDOUT:
            done = _print(engine, name, asked)
        else:
            project = imported_project(engine, name) if kind != "onnx" else engine.project(name)
            with screen.progress(f"exporting {name}") as advance:
                done = export(engine.services, project, asked, out, advance)
    if not as_json:
        for note in done.notes:
            click.echo(note, err=True)
    if out != STDOUT:
        told = {name: value for name, value in asdict(done).items() if value is not None}
        screen.answer({"project": name, "out": str(out), **told}, f"{out}: {_words(done)}")


def _check(
    kind: str, out: Path, *, resolved: bool, predicted: bool, copy: bool, checkpoint: str | None, as_json: bool
) -> None:
    """Raise UsageError for options that the format has no use for: they would be lost in silence."""
    if resolved and kind not in TABLES:
        raise click.UsageError(f"--resolved is of {' and '.join(TABLES)}, not of {kind}")
    if predicted and not resolved:
        raise click.UsageError("--predictions needs --resolved: the history has no predictions")
    if copy and kind not in {"coco", "label-studio"}:
        raise click.UsageError(f"--copy-images is of coco and label-studio, not of {kind}")
    if checkpoint is not None and kind != "onnx":
        raise click.UsageError(f"--checkpoint is of onnx, not of {kind}")
    if out == STDOUT and kind not in TABLES:
        raise click.UsageError(f"{' and '.join(TABLES)} can be printed; {kind} is written to a place of its own")
    if out == STDOUT and as_json:
        raise click.UsageError("--json and --out - would both print")


def _print(engine: Engine, name: str, asked: Asked) -> Exported:
    done = Exported(asked.format)
    for piece in lines(engine.services, imported_project(engine, name), asked, done, lambda *_: None):
        sys.stdout.buffer.write(piece.encode())
    sys.stdout.buffer.flush()
    return done


def _words(done: Exported) -> str:
    """Return what was written, for a person."""
    if done.checkpoint is not None:
        return f"checkpoint {done.checkpoint}, with labels and preprocessing in its metadata"
    counts = {"items": done.items, "labels": done.labels, "images": done.images}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count is not None)
