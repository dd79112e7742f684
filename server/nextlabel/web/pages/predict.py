"""GET and POST /projects/<p>/: send images, see their classes, what the model sees, and how sure it is."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from flask import Blueprint, Response, make_response, render_template, request

from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.predict.preview import SMALL, Look
from nextlabel.engine.predict.uncertainty import doubt
from nextlabel.engine.records import Prediction
from nextlabel.web.problems import log_fault, status_of
from nextlabel.web.request_context import current_project, settings
from nextlabel.web.request_parsing import image_names, images
from nextlabel.web.text_format import cut_off, unsure

_DRAWN = 960
"""Longest side at which the sent image is drawn, in pixels."""


@dataclass(frozen=True)
class Row:
    """One of several images: its prediction, or why there is none."""

    name: str
    look: Look | None = None
    fault: str = ""

    @property
    def found(self) -> Prediction | None:
        """The prediction."""
        return None if self.look is None else self.look.predictions.predictions[0]

    @property
    def remarks(self) -> list[str]:
        """Between what the model wavers, and how little of the image it sees; nothing of either where all is well."""
        if self.look is None or self.found is None:
            return []
        return [word for word in (unsure(doubt(self.found.probabilities or {})), cut_off(self.look)) if word]


def predict() -> Response:
    """Show where to send images, or what the project takes instead."""
    return _page(200)


def try_images() -> Response:
    """Show the answer to what the page's form sent; what is wrong with it stands on the page too.

    One image is shown with what the model sees of it, unless the address asks for a list; of
    several, one that is refused does not keep the others from their answers.
    """
    found = current_project()  # a project that is not there has no page
    try:
        blobs = images(settings().max_upload_bytes, settings().max_batch)
        if len(blobs) == 1 and "list" not in request.args:
            return _page(200, **_shown(found.models.preview(blobs[0])))
    except NextlabelError as error:
        log_fault(error)
        return _page(status_of(error), fault=str(error))
    return _page(200, rows=[_row(blob, name) for blob, name in zip(blobs, image_names(), strict=True)])


def add(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/projects/<project>/", view_func=predict)
    pages.add_url_rule("/projects/<project>/", view_func=try_images, methods=["POST"])


def _page(status: int, **shown: object) -> Response:
    limits = {"limit": settings().max_upload_bytes, "most": settings().max_batch}
    return make_response(render_template("predict.html", project=current_project().status(), **limits, **shown), status)


def _row(blob: bytes, name: str) -> Row:
    try:
        return Row(name, current_project().models.preview(blob))
    except NextlabelError as error:
        log_fault(error)
        return Row(name, fault=str(error))


def _shown(look: Look) -> dict[str, object]:
    found = look.predictions.predictions[0]
    scale = min(1.0, _DRAWN / max(look.width, look.height))
    return {
        "look": look,
        "found": found,
        "drawn": (max(1, round(look.width * scale)), max(1, round(look.height * scale))),
        "seen": b64encode(look.seen).decode(),
        "small": max(look.width, look.height) <= SMALL,
        "unsure": unsure(doubt(found.probabilities or {})),
        "cut": cut_off(look),
    }
