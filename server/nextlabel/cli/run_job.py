"""nextlabel run-job: runs one claimed job. The worker starts it; it is not for users."""

from __future__ import annotations

import os

import click

from nextlabel import app
from nextlabel.cli.parent_watch import end_with_parent
from nextlabel.contracts.errors import Conflict
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.settings import Settings
from nextlabel.store import jobs


@click.command("run-job", hidden=True)
@click.argument("number", type=int, metavar="ID")
@click.argument("owner")
@click.argument("parent", type=int)
def command(number: int, owner: str, parent: int) -> None:
    """Run the job ID that the worker OWNER, the process PARENT, has claimed."""
    end_with_parent(parent)
    os.nice(19)  # predictions come first
    engine = app.build_engine(Settings.from_environment())
    with engine.services.database.read() as connection:
        job = jobs.get(connection, number)
    if job is None or job.state != "running" or job.owner != owner:
        raise Conflict(f"job {number} is not running for {owner}")
    run_job(engine.services, job)
