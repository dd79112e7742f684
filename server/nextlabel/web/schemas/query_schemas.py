"""Requests and responses of the query routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import Field

from nextlabel.engine.records import QueryAnswer
from nextlabel.store.queries import Reason
from nextlabel.web.schemas.base import Name, Reply, RequestModel


class QueryPath(RequestModel):
    """Path parameters of a query."""

    query: Name = Field(description="the query's id, from the response of GET /query")


class QueryQuery(RequestModel):
    """Query parameters of GET /query."""

    size: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="how many items, by default as in the project file; the server may allow fewer, see /info",
    )
    strategy: Name | None = Field(None, description="another strategy than the project's own")
    annotator: Name | None = Field(None, description="lease the items to this annotator")


class SuggestionReply(Reply):
    """The class the model predicts, and its probability."""

    label: str
    probability: float


class QueryItemReply(Reply):
    """An item to label."""

    id: str
    url: str | None = Field(description="URL of its image; null if the item is not an image")
    score: float | None
    suggestion: SuggestionReply | None
    reason: Reason = Field(description="chosen by the strategy, for the control arm, or for the hold-out")


class QueryReply(Reply):
    """What to label next, and how it was chosen."""

    project: str
    query: str
    strategy: str
    parameters: Mapping[str, object]
    checkpoint: str | None
    probabilities: str | None = Field(
        description="where the class probabilities came from that the strategy used: `checkpoint`, the name of the "
        "backbone whose own classes they are, or `uniform` if there was neither; null if it used none"
    )
    seed: int
    items: list[QueryItemReply]
    remaining: int = Field(description="items that need a label, including these; they may lack scores")
    stale_labels: int = Field(description="labels that the checkpoint was not trained on")
    hint: str | None = Field(None, description="how to fill the pool; only if it is empty")

    @classmethod
    def from_record(cls, answer: QueryAnswer, image_url: Callable[[str], str | None]) -> QueryReply:
        """Return the reply for a query; `image_url` maps an item's id to the URL of its image, or to None."""
        items = [QueryItemReply.model_validate({**vars(item), "url": image_url(item.id)}) for item in answer.items]
        given = {name: value for name, value in vars(answer).items() if name != "hint" or value is not None}
        return cls.model_validate({**given, "items": items})


class ReleasedReply(Reply):
    """How many leases were released."""

    query: str
    released: int
