"""What stands behind the question mark."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nextlabel.web.asked.base import ItemId, Name, Said


class PredictQuery(Said):
    """Of POST /predict."""

    top: int | None = Field(None, ge=1, le=1_000_000, description="only so many of the most probable classes")


class QueryQuery(Said):
    """Of GET /query."""

    size: int = Field(10, ge=1, le=1_000_000, description="how many items; the server may allow fewer, see /info")
    strategy: Name | None = Field(None, description="another strategy than the project's own")
    annotator: Name | None = Field(None, description="lease the items to this person")


class HistoryQuery(Said):
    """Of GET /labels."""

    format: Literal["json", "jsonl", "csv"] = Field("json", description="one document, a line a label, or a table")


class ItemsQuery(Said):
    """Of GET /items."""

    state: Literal["open", "labelled", "skipped"] | None = Field(None, description="only items in this state")
    after: ItemId | None = Field(None, description="the `after` of the page before")
    limit: int = Field(100, ge=1, le=1000, description="how many at most")


class JobsQuery(Said):
    """Of GET /jobs."""

    limit: int = Field(50, ge=1, le=500, description="how many at most, the newest first")
    before: int | None = Field(None, ge=1, le=2**31 - 1, description="only jobs with a smaller number")
