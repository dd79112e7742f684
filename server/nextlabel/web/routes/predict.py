"""POST /predict."""

from __future__ import annotations

from flask import Response, request

from nextlabel.engine.records import Prediction, Predictions
from nextlabel.web.openapi import Routes
from nextlabel.web.request_context import current_project, settings
from nextlabel.web.request_parsing import images, is_json, json_body
from nextlabel.web.schemas.prediction_responses import (
    AnyPrediction,
    ClassPrediction,
    OneClass,
    OneValue,
    PredictReply,
    Several,
    ValuePrediction,
)
from nextlabel.web.schemas.query_parameters import PredictQuery
from nextlabel.web.schemas.request_bodies import PredictBody, PredictIds
from nextlabel.web.schemas.response_base import render


def predict(query: PredictQuery) -> Response:
    """Predict images, vectors, or items of the pool.

    One image is answered with its class, several with a list in the order sent.
    """
    if is_json(request.mimetype):
        return _render(_predict_json(), query.top, listed=True)
    found = current_project().models.predict_images(images(settings().max_upload_bytes, settings().max_batch))
    return _render(found, query.top, listed=False)


def add(api: Routes) -> None:
    """Add the route."""
    api.post(
        "/predict",
        responses=api.says({200: api.json(PredictReply)}, 400, 404, 410, 413, 415, 422, 503),
        openapi_extensions=api.takes_images(PredictBody),
    )(predict)


def _predict_json() -> Predictions:
    asked = json_body(PredictBody).root
    return (
        current_project().models.predict_ids(asked.ids)
        if isinstance(asked, PredictIds)
        else current_project().models.predict_vectors(asked.vectors)
    )


def _render(found: Predictions, top: int | None, *, listed: bool) -> Response:
    replies = [prediction(each, top) for each in found.predictions]
    named = {"project": found.project, "checkpoint": found.checkpoint}
    if len(replies) != 1:
        return render(Several(**named, predictions=replies))
    # whoever sends lists of changing length finds a list, whatever its length
    also = {"predictions": replies} if listed else {}
    kind = OneClass if isinstance(replies[0], ClassPrediction) else OneValue
    return render(kind.model_validate({**named, **dict(replies[0]), **also}))


def prediction(found: Prediction, top: int | None = None) -> AnyPrediction:
    """Return one prediction, with only the `top` most probable classes."""
    if found.mean is not None:
        return ValuePrediction(mean=found.mean, std=found.std)
    kept = dict(list((found.probabilities or {}).items())[:top])
    return ClassPrediction(label=found.label or "", probability=found.probability or 0.0, probabilities=kept)
