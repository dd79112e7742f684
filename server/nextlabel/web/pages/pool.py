"""GET and POST /projects/<p>/pool: the pool as thumbnails, and the door for new images."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, url_for

from nextlabel.contracts.errors import NextlabelError, NotReady
from nextlabel.engine.browse.gallery import GalleryPage
from nextlabel.web import text_format
from nextlabel.web.problems import log_fault, status_of
from nextlabel.web.request_context import current_project, settings
from nextlabel.web.request_parsing import image_names, images, validated
from nextlabel.web.schemas.pool_schemas import PoolQuery
from nextlabel.web.urls import thumbnail_address

SHOWN = 60
"""Items on a page: even rows of 2, 3, 4, 5 and 6."""
_SIZE = 160


@dataclass(frozen=True)
class Sent:
    """What became of images that the form sent."""

    new: int = 0
    known: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    """Name and reason."""


def pool() -> Response:
    """Show some of the items: those that what stands behind the question mark asks for."""
    return _page(200)


def add_images() -> Response:
    """Add what the page's form sent; one that is refused does not keep the others out."""
    found = current_project()
    try:
        blobs = images(settings().max_item_bytes, settings().max_batch)
    except NextlabelError as error:
        log_fault(error)
        return _page(status_of(error), fault=str(error))
    counted: Counter[bool] = Counter()
    refused, worst = [], 200
    for blob, name in zip(blobs, image_names(), strict=True):
        try:
            counted.update(one.new for one in found.items.add([blob]))
        except NextlabelError as error:
            log_fault(error)
            worst = status_of(error)
            refused.append((name, str(error)))
    sent = Sent(counted[True], counted[False], tuple(refused))
    return _page(200 if counted else worst, sent=sent)


def add(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/projects/<project>/pool", view_func=pool)
    pages.add_url_rule("/projects/<project>/pool", view_func=add_images, methods=["POST"])


def _page(status: int, *, sent: Sent | None = None, fault: str = "") -> Response:
    query = validated(PoolQuery, request.args.to_dict())
    found = current_project()
    project = found.status()
    shown: GalleryPage | None = None
    waits = ""
    try:
        shown = found.items.gallery().page(
            query.filter, SHOWN, after=query.after, before=query.before, newest=query.order is not None
        )
    except NotReady as error:  # its data set is still to be read: the page says so
        waits = str(error)

    def address(*without: str, **other: str | None) -> str:
        terms: dict[str, Any] = query.terms("after", "before", *without, **other)
        return url_for("pages.pool", project=project.name, **terms)

    page = render_template(
        "pool.html",
        project=project,
        shown=shown,
        query=query,
        limits=settings(),
        sent=sent,
        fault=fault,
        waits=waits,
        words=text_format,
        address=address,
        beside=query.terms("after", "before"),
        thumbnail=thumbnail_address(project.name, _SIZE),
    )
    return make_response(page, status)
