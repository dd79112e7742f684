"""What stands behind the question mark."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from nextlabel.engine.browse.filters import HoldoutFilter, ItemFilter, StateFilter
from nextlabel.web.schemas.request_base import ItemId, Name, Said


def _number(value: Any) -> Any:
    """Return what an address says in digits as a number; the rest as it is, for the fault to tell."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 5 else value  # noqa: PLR2004


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


class ImageQuery(Said):
    """Of GET /items/<id>/image."""

    size: Annotated[Literal[160, 320] | None, BeforeValidator(_number)] = Field(
        None, description="a thumbnail: a WebP of at most so many pixels a side, upright, never larger than it is"
    )


class Who(Said):
    """Of the form on an item's page."""

    who: Name


class ShownQuery(Said):
    """Of the pool's page, and of an item's page that was opened from it; empty is as good as left out."""

    state: StateFilter | None = None
    named: str | None = Field(None, alias="class", max_length=1000)
    annotator: Name | None = None
    holdout: HoldoutFilter | None = None
    guess: str | None = Field(None, max_length=1000)
    differs: Literal["1"] | None = None
    q: Name | None = None
    order: Literal["newest"] | None = None
    after: ItemId | None = None
    before: ItemId | None = None
    who: Name | None = Field(None, description="who labels on the page of an item")

    @model_validator(mode="before")
    @classmethod
    def said_only(cls, value: Any) -> Any:
        """Leave out the fields of a form that nobody filled in."""
        return {name: said for name, said in value.items() if said != ""} if isinstance(value, dict) else value

    @property
    def filter(self) -> ItemFilter:
        """What is to be shown."""
        search = (self.q or "").strip()
        return ItemFilter(
            self.state, self.named, self.annotator, self.holdout, self.guess, self.differs is not None, search
        )

    def terms(self, *without: str, **other: str | None) -> dict[str, str]:
        """Return what stands behind the question mark, with some of it left out or otherwise."""
        said: dict[str, str | None] = self.model_dump(by_alias=True, exclude_none=True, exclude=set(without))
        return {name: text for name, text in {**said, **other}.items() if text}
