"""Requests of the progress page and of its item lists."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nextlabel.web.schemas.base import MAX_ID, Name, RequestModel


class ProgressQuery(RequestModel):
    """Query parameters of GET /projects/<p>/progress: the last action, for the page to report."""

    promoted: Name | None = Field(None, description="a checkpoint")
    cancelled: int | None = Field(None, ge=1, le=MAX_ID, description="a job")
    queued: int | None = Field(None, ge=1, le=MAX_ID, description="a job")


class ProgressForm(RequestModel):
    """Form of POST /projects/<p>/progress: one field, set by the button that was pressed."""

    promote: Name | None = Field(None, description="a checkpoint")
    cancel: int | None = Field(None, ge=1, le=MAX_ID, description="a job")
    train: Literal["now"] | None = Field(None, description="queue a training")


class OlderJobsQuery(RequestModel):
    """Query parameters of the page of jobs."""

    before: int | None = Field(None, ge=1, le=MAX_ID, description="only jobs with a smaller number")


class PageQuery(RequestModel):
    """Query parameters of a page of items."""

    page: int = Field(1, ge=1, le=MAX_ID, description="page number, starting at 1")


class ConfusionQuery(PageQuery):
    """Query parameters of the items in one cell of the confusion matrix."""

    # class names may be longer than names of annotators
    true: str = Field(min_length=1, max_length=1000, description="the class of the items' labels")
    predicted: str = Field(min_length=1, max_length=1000, description="the class they are predicted as")
