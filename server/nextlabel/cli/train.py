"""nextlabel train: one training, in the foreground; with --out, one that makes a checkpoint to ship."""

from __future__ import annotations

import shlex
from importlib.metadata import metadata
from pathlib import Path

import click

from nextlabel.cli import follow_training
from nextlabel.cli.options import FOLDER, as_json, opened, project_name, with_settings
from nextlabel.cli.output import Advance, Screen, metrics_line
from nextlabel.engine.engine import Engine
from nextlabel.engine.evaluation.bundle import BuildInfo, check_target, write_bundle
from nextlabel.engine.records import Checkpoint
from nextlabel.engine.settings import Settings
from nextlabel.web.schemas.job_responses import CheckpointReply


@click.command("train")
@project_name
@click.option("--out", type=FOLDER, help="Train from nothing, and write the checkpoint to this new folder, to ship.")
@click.option("--afresh", is_flag=True, help="Train from nothing, not from the live checkpoint; --out always does.")
@click.option("--licence", help="Licence of what --out writes, as SPDX names it; nextlabel's own unless given.")
@as_json
@with_settings()
def command(settings: Settings, name: str, out: Path | None, afresh: bool, licence: str | None, as_json: bool) -> None:
    """Train PROJECT on the labels there are, and make the result live unless it is worse.

    Where a server runs on the same home folder its worker trains, and this command looks on.
    """
    if licence is not None and out is None:
        raise click.UsageError("--licence is of what --out writes")
    screen = Screen(as_json)
    if out is not None:
        check_target(out)  # before an hour of work
    with opened(settings) as engine:
        engine.project(name)  # an unknown name is refused before a bar is shown
        with screen.progress(f"training {name}") as advance:
            found = follow_training.train(engine, name, advance, afresh=afresh or out is not None)
            packed = "" if out is None else _pack(engine, found, out, licence, advance)

    state = "is live" if found.live else "waits"
    lines = f"{name}/{found.checkpoint} {state}: {found.verdict}\n{metrics_line(found.metrics)}{packed}"
    screen.answer(CheckpointReply.model_validate(found), lines)


def _pack(engine: Engine, found: Checkpoint, out: Path, licence: str | None, advance: Advance) -> str:
    """Write the checkpoint to `out`; returns what to tell of it."""
    assert found.job is not None
    job = engine.job(found.job)
    assert job.started is not None
    assert job.finished is not None
    made = BuildInfo(
        command=command_line(found.project, out, licence),
        seconds=job.finished - job.started,
        threads=engine.settings.train_threads or engine.settings.cores,
        licence=licence or metadata("nextlabel")["License-Expression"],
    )
    card = write_bundle(
        engine.services, found.project, found.checkpoint, out, made, lambda share: advance(share, "measuring")
    )
    size = sum(path.stat().st_size for path in out.iterdir()) / 1e6
    test = card["test"]
    measured = "" if test is None else f", {metrics_line({k: test[k] for k in test if k not in ('split', 'items')})}"
    return f"\n{out}: {size:.1f} MB, to ship{measured}"


def command_line(project: str, out: Path, licence: str | None) -> str:
    """Return the command that makes the checkpoint again, without paths of this machine."""
    place = Path(out.name) if out.is_absolute() or ".." in out.parts else out
    words = ["nextlabel", "train", project, "--out", place.as_posix()]
    return shlex.join([*words, *(["--licence", licence] if licence else [])])
