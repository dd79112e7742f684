"""Requests and responses of the label routes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, FailFast, Field, StringConstraints, Tag

from nextlabel.web.schemas.base import MAX_ROWS, UNION_TAG, ItemId, Name, Number, Reply, RequestModel, Time, one_of

ClassNames = Annotated[list[Annotated[str, StringConstraints(max_length=1000)]], FailFast()]


class LabelModel(RequestModel):
    """Base of the four kinds of label; each adds one field of `Label`."""

    id: ItemId


class CandidatesLabel(LabelModel):
    """The classes the item could be. One class is a full label, several classes are a partial label."""

    candidates: ClassNames = Field(min_length=1, max_length=MAX_ROWS)


class ValueLabel(LabelModel):
    """The item's value, in a regression."""

    value: Number


class SkipLabel(LabelModel):
    """The annotator skips the item."""

    skip: Literal[True]


class RetractLabel(LabelModel):
    """The annotator takes back the current label of the item."""

    retract: Literal[True]


AnyLabel = Annotated[
    Annotated[CandidatesLabel, Tag(UNION_TAG + "candidates")]
    | Annotated[ValueLabel, Tag(UNION_TAG + "value")]
    | Annotated[SkipLabel, Tag(UNION_TAG + "skip")]
    | Annotated[RetractLabel, Tag(UNION_TAG + "retract")],
    Discriminator(
        one_of("candidates", "value", "skip", "retract"),
        custom_error_type="label_kind",
        custom_error_message="a label is an object with `id` and exactly one of candidates, value, skip and retract",
    ),
]


class Labels(RequestModel):
    """Body of POST /labels. Either all labels are stored, or none."""

    annotator: Name = Field(description="the annotator who gives the labels")
    labels: list[AnyLabel] = Field(min_length=1, max_length=MAX_ROWS)
    key: Name | None = Field(
        None, description="makes the request safe to repeat: labels with the same key are stored once"
    )


class HistoryQuery(RequestModel):
    """Query parameters of GET /labels."""

    format: Literal["json", "jsonl", "csv"] = Field(
        "json", description="one JSON document, one line per label, or a table"
    )


class AcceptedReply(Reply):
    """How many labels were stored."""

    accepted: int


class HistoryLabel(Reply):
    """One label of the history. It has exactly one of candidates, value, skip and retract."""

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
