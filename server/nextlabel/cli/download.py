"""nextlabel download: downloads a project's data set and the weights of its backbone."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path

import click

from nextlabel.app import build_engine
from nextlabel.cli.options import as_json, project_name, with_settings
from nextlabel.cli.output import Screen
from nextlabel.engine.datasets.download import Downloaded, download
from nextlabel.engine.settings import Settings


@click.command("download")
@project_name
@as_json
@with_settings()
def command(settings: Settings, name: str, project_file: Path | None, as_json: bool) -> None:
    """Download the data set of PROJECT, and the weights of its backbone, unless they are there.

    The library that offers them downloads them, and shows its progress. A data set goes into the
    folder of data sets: completely, or not at all.
    """
    engine = build_engine(settings, project_file)
    with redirect_stdout(sys.stderr):  # where libraries show their progress
        downloaded = download(engine.project(name).config, engine.services.registry, settings)
    Screen(as_json).answer(asdict(downloaded), "\n".join(_lines(downloaded)))


def _lines(downloaded: Downloaded) -> list[str]:
    lines = []
    if downloaded.dataset is not None:
        lines.append(f"the data set {downloaded.dataset} of project {downloaded.project} is in {downloaded.folder}")
    if downloaded.backbone is not None:
        lines.append(f"the weights of the backbone {downloaded.backbone} are on this machine")
    return lines or [f"project {downloaded.project} has nothing to download"]
