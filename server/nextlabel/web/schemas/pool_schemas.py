"""Requests of the pool page and of the item page."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from nextlabel.engine.browse.filters import HoldoutFilter, ItemFilter, StateFilter
from nextlabel.web.schemas.base import ItemId, Name, RequestModel


class AnnotatorForm(RequestModel):
    """The annotator's name in the form of an item's page."""

    who: Name


class PoolQuery(RequestModel):
    """Query parameters of the pool page, and of an item page opened from it. Empty ones count as left out."""

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
    who: Name | None = Field(None, description="the annotator who labels on the item page")

    @model_validator(mode="before")
    @classmethod
    def drop_empty(cls, value: Any) -> Any:
        """Leave out form fields that were not filled in."""
        return {name: text for name, text in value.items() if text != ""} if isinstance(value, dict) else value

    @property
    def filter(self) -> ItemFilter:
        """The items to show."""
        search = (self.q or "").strip()
        return ItemFilter(
            self.state, self.named, self.annotator, self.holdout, self.guess, self.differs is not None, search
        )

    def terms(self, *without: str, **other: str | None) -> dict[str, str]:
        """Return the parameters for another URL: `without` some fields, and with `other` ones replaced or added."""
        fields: dict[str, str | None] = self.model_dump(by_alias=True, exclude_none=True, exclude=set(without))
        return {name: text for name, text in {**fields, **other}.items() if text}
