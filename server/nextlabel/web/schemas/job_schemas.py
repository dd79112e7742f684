"""Requests and responses of the job routes and of POST /train."""

from __future__ import annotations

from pydantic import Field

from nextlabel.engine.records import JobState
from nextlabel.web.schemas.base import MAX_ID, Metrics, Reply, RequestModel, Time


class JobPath(RequestModel):
    """Path parameters of a job."""

    job: int = Field(ge=1, le=MAX_ID, description="the job's number")


class JobsQuery(RequestModel):
    """Query parameters of GET /jobs."""

    limit: int = Field(50, ge=1, le=500, description="maximum number of jobs, newest first")
    before: int | None = Field(None, ge=1, le=MAX_ID, description="only jobs with a smaller number")


class JobQueuedReply(Reply):
    """The job that was queued."""

    job: int


class JobReply(Reply):
    """A background job."""

    job: int
    project: str
    kind: str
    state: JobState
    progress: float = Field(ge=0, le=1)
    metrics: Metrics
    log: list[str] = Field(description="the last lines of its log")
    error: str | None
    created: Time
    started: Time | None
    finished: Time | None


class JobsReply(Reply):
    """Jobs, newest first."""

    jobs: list[JobReply]
