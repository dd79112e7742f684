"""POST /predict."""

from __future__ import annotations

from flask import Response, request

from nextlabel.engine.records import Predictions
from nextlabel.web.request_context import current_project, settings
from nextlabel.web.request_parsing import images, is_json, json_body
from nextlabel.web.routing import Route, image_body
from nextlabel.web.schemas.base import render
from nextlabel.web.schemas.prediction_schemas import PredictBody, PredictIds, PredictQuery, PredictReply


def predict(query: PredictQuery) -> Response:
    """Predict images, vectors, or items of the pool.

    The response to one image is its class, to several images a list in the order sent.
    """
    if is_json(request.mimetype):
        return render(PredictReply.from_record(_predict_json(), query.top, as_list=True))
    contents = images(settings().max_upload_bytes, settings().max_batch)
    predictions = current_project().models.predict_images(contents)
    return render(PredictReply.from_record(predictions, query.top, as_list=False))


def _predict_json() -> Predictions:
    body = json_body(PredictBody).root
    models = current_project().models
    return models.predict_ids(body.ids) if isinstance(body, PredictIds) else models.predict_vectors(body.vectors)


ROUTES = (
    Route("POST", "/predict", predict, PredictReply, (400, 404, 410, 413, 415, 422, 503), body=image_body(PredictBody)),
)
