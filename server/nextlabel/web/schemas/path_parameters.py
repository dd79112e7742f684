"""What stands in an address."""

from __future__ import annotations

from pydantic import Field

from nextlabel.web.schemas.request_base import ItemId, Name, Said


class ProjectPath(Said):
    """A project."""

    project: Name = Field(description="the project's name")


class QueryPath(Said):
    """A query."""

    query: Name = Field(description="what the answer of GET /query calls itself")


class ItemPath(Said):
    """An item."""

    item: ItemId = Field(description="the item's id; a slash in it may stay as it is")


class JobPath(Said):
    """A job."""

    job: int = Field(ge=1, le=2**31 - 1, description="the job's number")


class CheckpointPath(Said):
    """A checkpoint."""

    checkpoint: Name = Field(description="the checkpoint's name")
