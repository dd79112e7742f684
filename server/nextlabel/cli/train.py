"""nextlabel train: one training, in the foreground."""

from __future__ import annotations

import click

from nextlabel.cli import following
from nextlabel.cli.options import as_json, opened, project, with_settings
from nextlabel.cli.screen import Screen, metrics_line
from nextlabel.engine.settings import Settings
from nextlabel.web.replies.work import CheckpointReply


@click.command("train")
@project
@as_json
@with_settings()
def command(settings: Settings, project: str, as_json: bool) -> None:
    """Train PROJECT on the labels there are, and make the result live unless it is worse.

    Where a server runs on the same home folder its worker trains, and this command looks on.
    """
    screen = Screen(as_json)
    with opened(settings) as engine:
        engine.loop(project)  # an unknown name is refused before a bar is shown
        with screen.progress(f"training {project}") as advance:
            found = following.train(engine, project, advance)

    state = "is live" if found.live else "waits"
    lines = f"{project}/{found.checkpoint} {state}: {found.verdict}\n{metrics_line(found.metrics)}"
    screen.answer(CheckpointReply.model_validate(found), lines)
