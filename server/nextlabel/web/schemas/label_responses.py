"""What to label, and what was said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from nextlabel.engine.records import Reason
from nextlabel.web.schemas.response_base import Reply, Time


class SuggestionReply(Reply):
    """The model's guess."""

    label: str
    probability: float


class QueryItemReply(Reply):
    """An item to label."""

    id: str
    url: str | None = Field(description="its image; null where the item is none")
    score: float | None
    suggestion: SuggestionReply | None
    reason: Reason = Field(description="chosen by the strategy, for the control arm, or for the hold-out")


class QueryReply(Reply):
    """What to label next, and where the choice came from."""

    project: str
    query: str
    strategy: str
    parameters: Mapping[str, object]
    checkpoint: str | None
    seed: int
    items: list[QueryItemReply]
    remaining: int = Field(description="items that could still be asked, these included")
    stale_labels: int = Field(description="labels the checkpoint has not learnt from")


class ReleasedReply(Reply):
    """How many items were handed back."""

    query: str
    released: int


class AcceptedReply(Reply):
    """How many labels were stored."""

    accepted: int


class HistoryLabel(Reply):
    """One label of the history: exactly one of candidates, value, skip and retract is there."""

    id: str
    annotator: str
    candidates: list[str] | None = None
    value: float | None = None
    skip: Literal[True] | None = None
    retract: Literal[True] | None = None
    time: Time
    key: str | None


class HistoryReply(Reply):
    """Every label ever stored, oldest first."""

    project: str
    labels: list[HistoryLabel]
