"""POST /train, and the jobs."""

from __future__ import annotations

from flask import Response

from nextlabel.web.request_context import current_project, engine, own_job, project
from nextlabel.web.routing import Route, json_response
from nextlabel.web.schemas.base import render
from nextlabel.web.schemas.job_schemas import JobPath, JobQueuedReply, JobReply, JobsQuery, JobsReply


def train() -> Response:
    """Queue a training."""
    job = current_project().start_training()
    return render(JobQueuedReply(job=job), 202, headers={"Location": f"/jobs/{job}"})


def jobs(query: JobsQuery) -> Response:
    """List jobs, newest first: those of the project, or at the root those of all projects."""
    name = current_project().config.name if project() is not None else None
    records = engine().jobs(name, query.limit, query.before)
    return render(JobsReply(jobs=[JobReply.model_validate(job) for job in records]))


def job(path: JobPath) -> Response:
    """Show a job."""
    return render(JobReply.model_validate(own_job(path.job)))


def cancel(path: JobPath) -> Response:
    """Cancel a job.

    A queued job is cancelled at once, a running job soon. A finished job does not change.
    """
    own_job(path.job)
    return render(JobReply.model_validate(engine().cancel(path.job)))


ROUTES = (
    Route("POST", "/train", train, json_response(JobQueuedReply, Location="the job's address"), (404, 409), status=202),
    Route("GET", "/jobs", jobs, JobsReply, (404, 422)),
    Route("GET", "/jobs/<job>", job, JobReply, (404,)),
    Route("DELETE", "/jobs/<job>", cancel, JobReply, (404,)),
)
