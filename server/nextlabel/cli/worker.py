"""nextlabel worker: claims queued jobs and runs each in a process of its own."""

from __future__ import annotations

import sys

import click

from nextlabel.cli.lifeline import tie_to_parent
from nextlabel.cli.options import opened, with_settings
from nextlabel.engine.jobs.worker import Worker
from nextlabel.engine.settings import Settings
from nextlabel.store.jobs import JobRow


@click.command("worker")
@click.option("--parent", type=int, hidden=True, help="End when this process does.")
@with_settings()
def command(settings: Settings, parent: int | None) -> None:
    """Run queued trainings, without a web server. `nextlabel serve` runs one by itself."""
    if parent is not None:
        tie_to_parent(parent)
    with opened(settings) as engine:
        Worker(engine.services, job_command).run()


def job_command(job: JobRow) -> list[str]:
    """Return the command line that runs a claimed job."""
    return [sys.executable, "-m", "nextlabel", "run-job", str(job.id), str(job.owner)]
