"""What the progress page and its lists are asked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nextlabel.web.schemas.request_base import Name, Said

MOST = 2**31 - 1


class ProgressQuery(Said):
    """Of GET /projects/<p>/progress: what was just done, for the page to tell of."""

    promoted: Name | None = Field(None, description="a checkpoint")
    cancelled: int | None = Field(None, ge=1, le=MOST, description="a job")
    queued: int | None = Field(None, ge=1, le=MOST, description="a job")


class Action(Said):
    """Of POST /projects/<p>/progress: one of these, by the button that was pressed."""

    promote: Name | None = Field(None, description="a checkpoint")
    cancel: int | None = Field(None, ge=1, le=MOST, description="a job")
    train: Literal["now"] | None = Field(None, description="queue a training")


class OlderQuery(Said):
    """Of a list of jobs."""

    before: int | None = Field(None, ge=1, le=MOST, description="only jobs with a smaller number")


class PageQuery(Said):
    """Of a list of items."""

    page: int = Field(1, ge=1, le=MOST, description="counted from 1")


class ConfusionQuery(PageQuery):
    """Of a cell of the confusion table."""

    # a class may be named at more length than a person
    true: str = Field(min_length=1, max_length=1000, description="the class that items have")
    predicted: str = Field(min_length=1, max_length=1000, description="the class they are taken for")
