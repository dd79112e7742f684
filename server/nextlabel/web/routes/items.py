"""The pool: POST /items, GET /items, an item, its image."""

from __future__ import annotations

from hashlib import sha256

from flask import Response, request

from nextlabel.engine.images.thumbnails import MEDIA_TYPE
from nextlabel.engine.records import ItemSummary
from nextlabel.web.openapi import Routes
from nextlabel.web.openapi_responses import plain
from nextlabel.web.request_context import current_project, settings
from nextlabel.web.request_parsing import images
from nextlabel.web.routes.labels import said
from nextlabel.web.routes.predict import prediction
from nextlabel.web.schemas.path_parameters import ItemPath
from nextlabel.web.schemas.pool_responses import IdsReply, ItemDetailReply, ItemReply, ItemsReply, VoiceReply
from nextlabel.web.schemas.query_parameters import ImageQuery, ItemsQuery
from nextlabel.web.schemas.response_base import render
from nextlabel.web.urls import image_address

_KEPT = {"Cache-Control": "private, max-age=3600"}
_MADE = 1
"""How thumbnails are made: another number for another way."""


def add_items() -> Response:
    """Add images to the pool.

    The same content twice is one item. Scoring is queued.
    """
    added = current_project().items.add(images(settings().max_item_bytes, settings().max_batch))
    return render(IdsReply(ids=[one.id for one in added], new=[one.new for one in added]), 201)


def list_items(query: ItemsQuery) -> Response:
    """List the pool, a page at a time."""
    found = current_project()
    page = found.items.page(query.state, query.after, query.limit)
    name = found.config.name
    return render(ItemsReply(project=name, items=[_summary(name, item) for item in page.items], after=page.after))


def item(path: ItemPath) -> Response:
    """Show an item: who says what of it, and all that was ever said."""
    found = current_project()
    detail = found.items.get(path.item)
    reply = ItemDetailReply(
        **dict(_summary(found.config.name, detail.item)),
        voices=[
            VoiceReply(annotator=name, candidates=label.candidates, value=label.value)
            for name, label in detail.current_labels.items()
        ],
        history=[said(row) for row in detail.history],
        prediction=None if detail.prediction is None else prediction(detail.prediction),
    )
    return render(reply)


def image(path: ItemPath, query: ImageQuery) -> Response:
    """Show an item's image.

    As it was given, or as a thumbnail.
    """
    if query.size is not None:
        return _thumbnail(path.item, query.size)
    data, kind = current_project().items.image(path.item)
    # an item's content never changes: uploads are named by it, data sets are read once
    return Response(data, content_type=kind, headers=_KEPT)


def add(api: Routes) -> None:
    """Add the routes."""
    api.post(
        "/items",
        responses=api.says({201: api.json(IdsReply)}, 400, 404, 413, 415, 422, 503),
        openapi_extensions=api.takes_images(),
    )(add_items)
    api.get("/items", responses=api.says({200: api.json(ItemsReply)}, 404, 422, 503))(list_items)
    api.get("/items/<path:item>", responses=api.says({200: api.json(ItemDetailReply)}, 404, 503))(item)
    image_reply = plain("The image, as it was given, or small", "image/png", "image/jpeg", "image/webp")
    unchanged = {"description": "as the ETag that was sent says"}
    answers = {200: image_reply, 304: unchanged}
    api.get("/items/<path:item>/image", responses=api.says(answers, 404, 410, 413, 415, 422, 503))(image)


def _thumbnail(item: str, size: int) -> Response:
    small = current_project().items.thumbnail(item, size)
    # what it is made from, not what it is: so nothing is read of what a browser has already
    tag = sha256(f"{_MADE} {small.name}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    known = request.if_none_match.contains(tag)
    response = Response(b"" if known else small.make(), 304 if known else 200, headers=_KEPT, content_type=MEDIA_TYPE)
    response.set_etag(tag)
    return response


def _summary(project: str, found: ItemSummary) -> ItemReply:
    return ItemReply(
        id=found.id,
        url=image_address(project)(found.id) if found.media_type else None,
        state=found.state,
        holdout=found.holdout,
        media_type=found.media_type,
        candidates=None if found.candidates is None else list(found.candidates),
        value=found.value,
    )
