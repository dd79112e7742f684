"""Requests and responses of the item routes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from nextlabel.engine.records import ItemState
from nextlabel.web.schemas.base import ItemId, Reply, RequestModel
from nextlabel.web.schemas.label_schemas import HistoryLabel
from nextlabel.web.schemas.prediction_schemas import AnyPrediction


def _digits_to_int(value: Any) -> Any:
    """Convert up to four digits to an int. Return any other value unchanged, for the validator to reject."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 5 else value  # noqa: PLR2004


class ItemPath(RequestModel):
    """Path parameters of an item."""

    item: ItemId = Field(description="the item's id; slashes need no escaping")


class ItemsQuery(RequestModel):
    """Query parameters of GET /items."""

    state: Literal["open", "labelled", "skipped"] | None = Field(None, description="only items in this state")
    after: ItemId | None = Field(None, description="the `after` of the previous page")
    limit: int = Field(100, ge=1, le=1000, description="maximum number of items")


class ImageQuery(RequestModel):
    """Query parameters of GET /items/<id>/image."""

    size: Annotated[Literal[160, 320] | None, BeforeValidator(_digits_to_int)] = Field(
        None, description="return a WebP thumbnail: at most this many pixels a side, upright, never enlarged"
    )


class IdsReply(Reply):
    """The items' ids, in the order sent."""

    ids: list[str]
    new: list[bool] = Field(
        description="per item: false if the pool already held that content, or if it was sent twice"
    )


class ItemReply(Reply):
    """An item of the pool."""

    id: str
    url: str | None = Field(description="URL of its image; null if the item is not an image")
    state: ItemState
    holdout: bool = Field(description="whether the item is held out from training")
    media_type: str | None
    candidates: list[str] | None = Field(
        description="the classes it could be, according to all annotators; null if not labelled"
    )
    value: float | None


class ItemsReply(Reply):
    """One page of the pool."""

    project: str
    items: list[ItemReply]
    after: str | None = Field(description="pass it as `after` to get the next page; null on the last page")


class VoiceReply(Reply):
    """An annotator's current label: classes, a value, or a skip if both are null."""

    annotator: str
    candidates: list[str] | None
    value: float | None


class ItemDetailReply(ItemReply):
    """An item with every annotator's current label and its label history."""

    voices: list[VoiceReply]
    history: list[HistoryLabel]
    prediction: AnyPrediction | None = Field(
        description="the live checkpoint's prediction; null if it has not scored the item"
    )
