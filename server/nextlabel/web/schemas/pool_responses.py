"""The pool."""

from __future__ import annotations

from pydantic import Field

from nextlabel.engine.records import ItemState
from nextlabel.web.schemas.label_responses import HistoryLabel
from nextlabel.web.schemas.prediction_responses import AnyPrediction
from nextlabel.web.schemas.response_base import Reply


class IdsReply(Reply):
    """The items' ids, in the order sent."""

    ids: list[str]
    new: list[bool] = Field(description="for each: false where the pool held that content already, or it came twice")


class ItemReply(Reply):
    """An item of the pool."""

    id: str
    url: str | None = Field(description="its image; null where the item is none")
    state: ItemState
    holdout: bool = Field(description="never trained on")
    media_type: str | None
    candidates: list[str] | None = Field(description="the classes it could be, by all who spoke; null: nobody did")
    value: float | None


class ItemsReply(Reply):
    """Some of the pool."""

    project: str
    items: list[ItemReply]
    after: str | None = Field(description="continues the list; null at its end")


class VoiceReply(Reply):
    """What an annotator says now: a set, a value, or a skip where both are null."""

    annotator: str
    candidates: list[str] | None
    value: float | None


class ItemDetailReply(ItemReply):
    """An item, who says what of it, and all that was ever said."""

    voices: list[VoiceReply]
    history: list[HistoryLabel]
    prediction: AnyPrediction | None = Field(description="by the live checkpoint, if it has scored the item")
