"""Requests and responses of POST /predict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator, FailFast, Field, RootModel, Tag

from nextlabel.engine.records import Prediction, Predictions
from nextlabel.web.schemas.base import MAX_ROWS, UNION_TAG, ItemId, Number, Reply, RequestModel, one_of

Vector = Annotated[tuple[Number, ...], FailFast()]
"""A feature vector; validation stops at its first error."""


class PredictQuery(RequestModel):
    """Query parameters of POST /predict."""

    top: int | None = Field(None, ge=1, le=1_000_000, description="return only this many of the most probable classes")


class PredictIds(RequestModel):
    """Ids of items of the pool; works in every project."""

    ids: list[ItemId] = Field(min_length=1, max_length=MAX_ROWS)


class PredictVectors(RequestModel):
    """New feature vectors; works in projects whose items are vectors."""

    vectors: list[Vector] = Field(min_length=1, max_length=MAX_ROWS)


class PredictBody(
    RootModel[
        Annotated[
            Annotated[PredictIds, Tag(UNION_TAG + "ids")] | Annotated[PredictVectors, Tag(UNION_TAG + "vectors")],
            Discriminator(
                one_of("ids", "vectors"),
                custom_error_type="prediction_kind",
                custom_error_message='the body is an object with one of "ids" and "vectors"',
            ),
        ]
    ]
):
    """What to predict."""


class ClassPrediction(Reply):
    """The predicted class, and every class's probability in descending order."""

    label: str
    probability: float
    probabilities: Mapping[str, float]


class ValuePrediction(Reply):
    """The predicted value and its standard deviation."""

    mean: float
    std: float | None


AnyPrediction = ClassPrediction | ValuePrediction


class Answered(Reply):
    """The checkpoint that predicted."""

    project: str
    checkpoint: str


class OneClass(ClassPrediction, Answered):
    """Prediction of one item. For a JSON list of one item it is repeated under `predictions`."""

    predictions: list[AnyPrediction] | None = None


class OneValue(ValuePrediction, Answered):
    """Prediction of one item. For a JSON list of one item it is repeated under `predictions`."""

    predictions: list[AnyPrediction] | None = None


class Several(Answered):
    """Predictions in the order of the request."""

    predictions: list[AnyPrediction]


class PredictReply(RootModel[OneClass | OneValue | Several]):
    """One prediction, or several."""

    @classmethod
    def from_record(cls, record: Predictions, top: int | None, *, as_list: bool) -> PredictReply:
        """Return a single prediction by itself, several as a list, each with at most `top` classes.

        With `as_list` a single prediction is repeated under `predictions`. A client that sends lists
        of varying length can then always read that list.
        """
        predictions = [prediction_from_record(prediction, top) for prediction in record.predictions]
        source = {"project": record.project, "checkpoint": record.checkpoint}
        if len(predictions) != 1:
            return cls(Several(**source, predictions=predictions))
        model: type[OneClass | OneValue] = OneClass if isinstance(predictions[0], ClassPrediction) else OneValue
        listed = {"predictions": predictions} if as_list else {}
        return cls(model.model_validate({**source, **dict(predictions[0]), **listed}))


def prediction_from_record(record: Prediction, top: int | None = None) -> AnyPrediction:
    """Return one prediction with at most `top` classes, or with all of them if None."""
    if record.mean is not None:
        return ValuePrediction(mean=record.mean, std=record.std)
    probabilities = dict(list((record.probabilities or {}).items())[:top])
    return ClassPrediction(label=record.label or "", probability=record.probability or 0.0, probabilities=probabilities)
