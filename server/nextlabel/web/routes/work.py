"""Training, the jobs it runs as, and the checkpoints that come of it."""

from __future__ import annotations

from flask import Response

from nextlabel.web.openapi import Routes
from nextlabel.web.request_context import current_project, engine, own_job, project
from nextlabel.web.schemas.job_responses import CheckpointReply, CheckpointsReply, JobQueuedReply, JobReply, JobsReply
from nextlabel.web.schemas.path_parameters import CheckpointPath, JobPath
from nextlabel.web.schemas.query_parameters import JobsQuery
from nextlabel.web.schemas.response_base import render


def train() -> Response:
    """Queue a training."""
    job = current_project().training.start()
    return render(JobQueuedReply(job=job), 202, headers={"Location": f"/jobs/{job}"})


def jobs(query: JobsQuery) -> Response:
    """List jobs, the newest first: a project's, or at the root those of all."""
    named = current_project().config.name if project() is not None else None
    found = engine().jobs(named, query.limit, query.before)
    return render(JobsReply(jobs=[JobReply.model_validate(job) for job in found]))


def job(path: JobPath) -> Response:
    """Show a job."""
    return render(JobReply.model_validate(own_job(path.job)))


def cancel(path: JobPath) -> Response:
    """Cancel a job: at once where it waits, soon where it runs; one that has ended stays as it is."""
    own_job(path.job)
    return render(JobReply.model_validate(engine().cancel(path.job)))


def checkpoints() -> Response:
    """List a project's checkpoints."""
    found = current_project()
    replies = [CheckpointReply.model_validate(checkpoint) for checkpoint in found.models.checkpoints()]
    return render(CheckpointsReply(project=found.config.name, checkpoints=replies))


def promote(path: CheckpointPath) -> Response:
    """Make a checkpoint the live one: forward, or back."""
    return render(CheckpointReply.model_validate(current_project().models.promote(path.checkpoint)))


def add(api: Routes) -> None:
    """Add the routes."""
    queued = api.json(JobQueuedReply, Location="where the job is followed")
    api.post("/train", responses=api.says({202: queued}, 404, 409))(train)
    api.get("/jobs", responses=api.says({200: api.json(JobsReply)}, 404, 422))(jobs)
    api.get("/jobs/<job>", responses=api.says({200: api.json(JobReply)}, 404))(job)
    api.delete("/jobs/<job>", responses=api.says({200: api.json(JobReply)}, 404))(cancel)
    api.get("/checkpoints", responses=api.says({200: api.json(CheckpointsReply)}, 404))(checkpoints)
    answer = {200: api.json(CheckpointReply)}
    api.post("/checkpoints/<checkpoint>/promote", responses=api.says(answer, 404, 410))(promote)
