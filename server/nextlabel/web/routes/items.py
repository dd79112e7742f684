"""POST /items, GET /items, one item, and its image."""

from __future__ import annotations

from hashlib import sha256

from flask import Response, request

from nextlabel.engine.images.thumbnails import MEDIA_TYPE
from nextlabel.engine.records import ItemSummary
from nextlabel.web.request_context import current_project, settings
from nextlabel.web.request_parsing import images
from nextlabel.web.routes.labels import history_label
from nextlabel.web.routing import Route, content_response, image_body
from nextlabel.web.schemas.base import render
from nextlabel.web.schemas.item_schemas import (
    IdsReply,
    ImageQuery,
    ItemDetailReply,
    ItemPath,
    ItemReply,
    ItemsQuery,
    ItemsReply,
    VoiceReply,
)
from nextlabel.web.schemas.prediction_schemas import prediction_from_record
from nextlabel.web.urls import image_address

_CACHE_FOR_AN_HOUR = {"Cache-Control": "private, max-age=3600"}
_THUMBNAIL_VERSION = 1
"""Version of the way thumbnails are created. Increase it when that changes, to change their ETags."""


def add_items() -> Response:
    """Add images to the pool.

    Identical content is stored as one item. A scoring job is queued.
    """
    uploads = current_project().items.add(images(settings().max_item_bytes, settings().max_batch))
    return render(IdsReply(ids=[upload.id for upload in uploads], new=[upload.new for upload in uploads]), 201)


def list_items(query: ItemsQuery) -> Response:
    """List the pool, one page at a time."""
    project = current_project()
    page = project.items.page(query.state, query.after, query.limit)
    name = project.config.name
    return render(ItemsReply(project=name, items=[_summary(name, item) for item in page.items], after=page.after))


def item(path: ItemPath) -> Response:
    """Show an item with every annotator's current label and its label history."""
    project = current_project()
    detail = project.items.get(path.item)
    reply = ItemDetailReply(
        **dict(_summary(project.config.name, detail.item)),
        voices=[
            VoiceReply(annotator=name, candidates=label.candidates, value=label.value)
            for name, label in detail.current_labels.items()
        ],
        history=[history_label(event) for event in detail.history],
        prediction=None if detail.prediction is None else prediction_from_record(detail.prediction),
    )
    return render(reply)


def image(path: ItemPath, query: ImageQuery) -> Response:
    """Show an item's image.

    Returns the original file, or a thumbnail.
    """
    if query.size is not None:
        return _thumbnail(path.item, query.size)
    data, media_type = current_project().items.image(path.item)
    # an item's content never changes: the id of an upload is its digest, and data sets are read once
    return Response(data, content_type=media_type, headers=_CACHE_FOR_AN_HOUR)


def _thumbnail(item: str, size: int) -> Response:
    thumbnail = current_project().items.thumbnail(item, size)
    # the ETag depends on the source and not on the result, so an unchanged thumbnail is not read at all
    tag = sha256(f"{_THUMBNAIL_VERSION} {thumbnail.name}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    unchanged = request.if_none_match.contains(tag)
    response = Response(
        b"" if unchanged else thumbnail.make(),
        304 if unchanged else 200,
        headers=_CACHE_FOR_AN_HOUR,
        content_type=MEDIA_TYPE,
    )
    response.set_etag(tag)
    return response


def _summary(project: str, item: ItemSummary) -> ItemReply:
    url = image_address(project)(item.id) if item.media_type else None
    return ItemReply.model_validate({**vars(item), "url": url})


ROUTES = (
    Route("POST", "/items", add_items, IdsReply, (400, 404, 413, 415, 422, 503), status=201, body=image_body()),
    Route("GET", "/items", list_items, ItemsReply, (404, 422, 503)),
    Route("GET", "/items/<path:item>", item, ItemDetailReply, (404, 503)),
    Route(
        "GET",
        "/items/<path:item>/image",
        image,
        content_response("The original image, or a thumbnail", "image/png", "image/jpeg", "image/webp"),
        (404, 410, 413, 415, 422, 503),
        other_responses={304: {"description": "unchanged, according to the ETag sent"}},
    ),
)
