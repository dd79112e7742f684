"""GET and POST /projects/<p>/pool: the items of the pool as thumbnails, with filters and an upload form."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from flask import Response, make_response, render_template, request, url_for

from nextlabel.contracts.errors import NextlabelError, NotReady
from nextlabel.engine.browse.gallery import GalleryPage
from nextlabel.web.problems import log_fault, status_of
from nextlabel.web.request_context import current_project, settings
from nextlabel.web.request_parsing import image_names, images, validated
from nextlabel.web.schemas.pool_schemas import PoolQuery
from nextlabel.web.urls import thumbnail_address

PAGE_SIZE = 60
"""Items per page: complete rows of 2, 3, 4, 5 or 6."""
_THUMBNAIL = 160


@dataclass(frozen=True)
class UploadSummary:
    """Result of an upload through the form."""

    added: int = 0
    duplicates: int = 0
    rejected: tuple[tuple[str, str], ...] = ()
    """File name and reason."""


def pool() -> Response:
    """Show one page of the items that match the query."""
    return _page(200)


def add_images() -> Response:
    """Add the uploaded images; a rejected one does not prevent the others."""
    project = current_project()
    try:
        blobs = images(settings().max_item_bytes, settings().max_batch)
    except NextlabelError as error:
        log_fault(error)
        return _page(status_of(error), error=str(error))
    counts: Counter[bool] = Counter()
    rejected, status = [], 200
    for blob, name in zip(blobs, image_names(), strict=True):
        try:
            counts.update(uploaded.new for uploaded in project.items.add([blob]))
        except NextlabelError as error:
            log_fault(error)
            status = status_of(error)
            rejected.append((name, str(error)))
    upload = UploadSummary(counts[True], counts[False], tuple(rejected))
    return _page(200 if counts else status, upload=upload)


def _page(status: int, *, upload: UploadSummary | None = None, error: str = "") -> Response:
    query = validated(PoolQuery, request.args.to_dict())
    project = current_project().status()
    shown: GalleryPage | None = None
    not_ready = ""
    try:
        shown = (
            current_project()
            .items.gallery()
            .page(query.filter, PAGE_SIZE, after=query.after, before=query.before, newest=query.order is not None)
        )
    except NotReady as reason:  # the data set has not been read yet
        not_ready = str(reason)

    def address(*without: str, **other: str | None) -> str:
        terms: dict[str, Any] = query.terms("after", "before", *without, **other)
        return url_for("pages.pool", project=project.name, **terms)

    page = render_template(
        "pool.html",
        project=project,
        shown=shown,
        query=query,
        limits=settings(),
        upload=upload,
        error=error,
        not_ready=not_ready,
        address=address,
        filter_terms=query.terms("after", "before"),
        thumbnail=thumbnail_address(project.name, _THUMBNAIL),
    )
    return make_response(page, status)
