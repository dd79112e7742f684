"""GET and POST /projects/<p>/: send a picture, see its class, what the model sees, and how sure it is."""

from __future__ import annotations

from base64 import b64encode

from flask import Blueprint, Response, make_response, render_template

from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.serving.looking import SMALL, Look
from nextlabel.engine.serving.sureness import doubt
from nextlabel.web.context import loop, settings
from nextlabel.web.headers import PICTURE_POLICY
from nextlabel.web.problems import log_fault, status_of
from nextlabel.web.reading import pictures
from nextlabel.web.words import cut_off, unsure


def predict() -> Response:
    """Show where to send a picture, or what the project takes instead."""
    return _page(200)


def try_picture() -> Response:
    """Show the answer to a picture that the page's form sent; what is wrong with it stands on the page too."""
    found = loop()  # a project that is not there has no page
    try:
        (blob,) = pictures(settings().max_upload_bytes, 1)
        seen = found.look(blob)
    except NextlabelError as error:
        log_fault(error)
        return _page(status_of(error), fault=str(error))
    return _page(200, look=seen)


def add(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/projects/<project>/", view_func=predict)
    pages.add_url_rule("/projects/<project>/", view_func=try_picture, methods=["POST"])


def _page(status: int, look: Look | None = None, fault: str = "") -> Response:
    page = render_template(
        "predict.html",
        project=loop().status(),
        limit=settings().max_upload_bytes,
        fault=fault,
        **({} if look is None else _shown(look)),
    )
    # the answer holds pictures that have no address
    return make_response(page, status, {"Content-Security-Policy": PICTURE_POLICY})


def _shown(look: Look) -> dict[str, object]:
    found = look.predictions.predictions[0]
    return {
        "look": look,
        "found": found,
        "picture": _data(look.picture, look.media_type),
        "seen": _data(look.seen, "image/png"),
        "small": max(look.width, look.height) <= SMALL,
        "unsure": unsure(doubt(found.probabilities or {})),
        "cut": cut_off(look),
    }


def _data(picture: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{b64encode(picture).decode()}"
