"""GET /projects/<p>/pool/<id>: an item, what it is taken for, who said what and when, and what the model says."""

from __future__ import annotations

from flask import Blueprint, render_template

from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.pictures.decoding import measure
from nextlabel.engine.serving.looking import SMALL
from nextlabel.engine.serving.sureness import doubt
from nextlabel.web import words
from nextlabel.web.addresses import item_address, picture_address
from nextlabel.web.asked.paths import ItemPath
from nextlabel.web.context import loop, settings
from nextlabel.web.openapi import address_of


def item(item: str) -> str:
    """Show one item of the pool."""
    named = address_of(ItemPath, {"item": item}).item
    found = loop()
    detail = found.item(named)
    project = found.status()
    prediction = detail.prediction
    return render_template(
        "item.html",
        project=project,
        detail=detail,
        address=item_address(project.name)(named),
        picture=picture_address(project.name)(named) if detail.item.media_type else None,
        small=detail.item.media_type is not None and _small(named),
        unsure=words.unsure(doubt(prediction.probabilities or {})) if prediction else "",
        words=words,
    )


def add(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/projects/<project>/pool/<path:item>", view_func=item)


def _small(item: str) -> bool:
    try:
        return max(measure(loop().image(item)[0], settings().max_pixels)) <= SMALL
    except NextlabelError:  # its file is gone, or rotten: the page is about more than the picture
        return False
