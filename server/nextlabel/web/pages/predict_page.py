"""GET and POST /projects/<p>/: predict uploaded images and show what the model sees and how sure it is."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from flask import Response, make_response, render_template, request

from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.predict.preview import SMALL, Preview
from nextlabel.engine.predict.uncertainty import uncertainty as prediction_uncertainty
from nextlabel.engine.records import Prediction
from nextlabel.web.formatting import crop_text, uncertainty_text
from nextlabel.web.problems import log_fault, status_of
from nextlabel.web.request_context import current_project, settings
from nextlabel.web.request_parsing import image_names, images

_LARGEST_SIDE = 960
"""Longest side at which a sent image is drawn, in pixels."""


@dataclass(frozen=True)
class Row:
    """One of several images: its prediction, or the reason why there is none."""

    name: str
    preview: Preview | None = None
    error: str = ""

    @property
    def prediction(self) -> Prediction | None:
        """The prediction, None if the image was rejected."""
        return None if self.preview is None else self.preview.predictions.predictions[0]

    @property
    def remarks(self) -> list[str]:
        """Notes about an uncertain prediction and about a cropped image."""
        if self.preview is None or self.prediction is None:
            return []
        uncertainty = uncertainty_text(prediction_uncertainty(self.prediction.probabilities or {}))
        return [remark for remark in (uncertainty, crop_text(self.preview)) if remark]


def predict() -> Response:
    """Show the upload form, or how to get a prediction if the items are no images."""
    return _page(200)


def predict_images() -> Response:
    """Show the predictions for the uploaded images.

    A single image is shown with what the model sees, unless the query asks for a `list`. Of several images, a rejected
    one does not prevent the predictions for the others.
    """
    project = current_project()  # raises NotFound before the upload is read
    try:
        blobs = images(settings().max_upload_bytes, settings().max_batch)
        if len(blobs) == 1 and "list" not in request.args:
            return _page(200, **_result(project.models.preview(blobs[0])))
    except NextlabelError as error:
        log_fault(error)
        return _page(status_of(error), error=str(error))
    return _page(200, rows=[_row(blob, name) for blob, name in zip(blobs, image_names(), strict=True)])


def _page(status: int, **result: object) -> Response:
    limits = {"largest_file": settings().max_upload_bytes, "largest_batch": settings().max_batch}
    project = current_project()
    state = project.status()
    # an example of a request by id, for items that are no images
    first = project.items.page(limit=1).items if state.kind in {"vector", "node"} else ()
    example = first[0].id if first else "ID"
    page = render_template("predict.html", project=state, example=example, **limits, **result)
    return make_response(page, status)


def _row(blob: bytes, name: str) -> Row:
    try:
        return Row(name, current_project().models.preview(blob))
    except NextlabelError as error:
        log_fault(error)
        return Row(name, error=str(error))


def _result(preview: Preview) -> dict[str, object]:
    """Return the template variables of predict-result.html."""
    prediction = preview.predictions.predictions[0]
    scale = min(1.0, _LARGEST_SIDE / max(preview.width, preview.height))
    return {
        "preview": preview,
        "prediction": prediction,
        "drawn": (max(1, round(preview.width * scale)), max(1, round(preview.height * scale))),
        "model_input": b64encode(preview.input_png).decode(),
        "small": max(preview.width, preview.height) <= SMALL,
        "uncertainty": uncertainty_text(prediction_uncertainty(prediction.probabilities or {})),
        "crop": crop_text(preview),
    }
