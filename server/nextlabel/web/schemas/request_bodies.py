"""JSON bodies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, FailFast, Field, RootModel, StringConstraints, Tag

from nextlabel.web.schemas.request_base import TAG, ItemId, Name, Number, Said, between, entries, only

MANY = 100_000
"""Far above any setting: it bounds the list of faults, the engine holds the limit that /info tells."""
Vector = Annotated[tuple[Number, ...], FailFast()]
"""One fault a vector is enough."""
ClassNames = Annotated[tuple[Annotated[str, StringConstraints(max_length=1000)], ...], FailFast()]


class PredictIds(Said):
    """Items of the pool, by id; works in every project."""

    ids: Annotated[tuple[ItemId, ...], between(1, MANY)] = entries(1, MANY)


class PredictVectors(Said):
    """New feature vectors, where items are vectors."""

    vectors: Annotated[tuple[Vector, ...], between(1, MANY)] = entries(1, MANY)


class PredictBody(
    RootModel[
        Annotated[
            Annotated[PredictIds, Tag(TAG + "ids")] | Annotated[PredictVectors, Tag(TAG + "vectors")],
            Discriminator(
                only("ids", "vectors"),
                custom_error_type="prediction_kind",
                custom_error_message='the body is an object with one of "ids" and "vectors"',
            ),
        ]
    ]
):
    """What to predict."""


class CandidatesLabel(Said):
    """The classes the item could be: one is a full label, several a partial one."""

    id: ItemId
    candidates: Annotated[ClassNames, between(1, MANY)] = entries(1, MANY)


class ValueLabel(Said):
    """The item's value, in a regression."""

    id: ItemId
    value: Number


class SkipLabel(Said):
    """The annotator would rather not say."""

    id: ItemId
    skip: Literal[True]


class RetractLabel(Said):
    """What the annotator said of the item before is taken back."""

    id: ItemId
    retract: Literal[True]


AnyLabel = Annotated[
    Annotated[CandidatesLabel, Tag(TAG + "candidates")]
    | Annotated[ValueLabel, Tag(TAG + "value")]
    | Annotated[SkipLabel, Tag(TAG + "skip")]
    | Annotated[RetractLabel, Tag(TAG + "retract")],
    Discriminator(
        only("candidates", "value", "skip", "retract"),
        custom_error_type="label_kind",
        custom_error_message="a label is an object with `id` and exactly one of candidates, value, skip and retract",
    ),
]


class Labels(Said):
    """Of POST /labels: all of them are stored, or none."""

    annotator: Name = Field(description="who says so")
    labels: Annotated[tuple[AnyLabel, ...], between(1, MANY)] = entries(1, MANY)
    key: Name | None = Field(None, description="makes the request safe to send again: stored once, answered alike")
