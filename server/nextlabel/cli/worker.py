"""nextlabel worker: runs queued jobs, each in a process of its own."""

from __future__ import annotations

import os
import sys

import click

from nextlabel.cli.options import open_engine, with_settings
from nextlabel.cli.parent_watch import end_with_parent
from nextlabel.engine.jobs.worker import Worker
from nextlabel.engine.settings import Settings
from nextlabel.store.jobs import JobRow


@click.command("worker")
@click.option("--parent", type=int, hidden=True, help="End together with this process, which started the worker.")
@with_settings()
def command(settings: Settings, parent: int | None) -> None:
    """Run queued jobs, without a web server. `nextlabel serve` has a worker already."""
    if parent is not None:
        end_with_parent(parent)
    with open_engine(settings) as engine:
        Worker(engine.services, job_command).run()


def job_command(job: JobRow) -> list[str]:
    """Return the command line that runs a claimed job as a child of this process."""
    return [sys.executable, "-m", "nextlabel", "run-job", str(job.id), str(job.owner), str(os.getpid())]
