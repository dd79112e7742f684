"""nextlabel run-job: one claimed job, in the worker's child. Not for people."""

from __future__ import annotations

import os

import click

from nextlabel import app
from nextlabel.contracts.errors import Conflict
from nextlabel.engine.jobs.run_job import run_job
from nextlabel.engine.process import die_with_parent
from nextlabel.engine.settings import Settings
from nextlabel.store import jobs


@click.command("run-job", hidden=True)
@click.argument("number", type=int, metavar="ID")
@click.argument("owner")
def command(number: int, owner: str) -> None:
    """Run the job ID that the worker OWNER has claimed."""
    die_with_parent()
    os.nice(19)  # predictions come first
    engine = app.build_engine(Settings.from_environment())
    with engine.services.database.read() as connection:
        job = jobs.get(connection, number)
    if job is None or job.state != "running" or job.owner != owner:
        raise Conflict(f"job {number} is not {owner}'s to run")
    run_job(engine.services, job)
