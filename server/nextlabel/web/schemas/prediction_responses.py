"""Predictions."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import RootModel

from nextlabel.web.schemas.response_base import Reply


class ClassPrediction(Reply):
    """A class, and every class's probability, the most probable first."""

    label: str
    probability: float
    probabilities: Mapping[str, float]


class ValuePrediction(Reply):
    """A value and its standard deviation."""

    mean: float
    std: float | None


AnyPrediction = ClassPrediction | ValuePrediction


class Answered(Reply):
    """Who predicted."""

    project: str
    checkpoint: str


class OneClass(ClassPrediction, Answered):
    """Of one image, vector or item; a JSON list of one finds it under `predictions` too."""

    predictions: list[AnyPrediction] | None = None


class OneValue(ValuePrediction, Answered):
    """Of one vector or item; a JSON list of one finds it under `predictions` too."""

    predictions: list[AnyPrediction] | None = None


class Several(Answered):
    """In the order sent."""

    predictions: list[AnyPrediction]


class PredictReply(RootModel[OneClass | OneValue | Several]):
    """One prediction, or several."""
