"""URLs of items and their images."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from flask import current_app

from nextlabel.web.request_context import engine

_KINDS = "nextlabel.kinds"


def image_address(project: str) -> Callable[[str], str | None]:
    """Return a function from an item's id to the URL of its image, or to None if items are not images."""
    if kind_of(project) != "image":
        return lambda _item: None
    item_url = item_address(project)
    return lambda item: f"{item_url(item)}/image"


def item_address(project: str) -> Callable[[str], str]:
    """Return a function from an item's id to its URL in the API."""
    start = f"/projects/{quote(project, safe='')}/items/"
    return lambda item: f"{start}{quote(item)}"


def thumbnail_address(project: str, size: int) -> Callable[[str], str]:
    """Return a function from an item's id to the URL of a thumbnail at most `size` pixels a side."""
    item_url = item_address(project)
    return lambda item: f"{item_url(item)}/image?size={size}"


def kind_of(project: str) -> str | None:
    """Return "image", "vector" or "node", or None before the data set is imported. Once known it is cached."""
    known: dict[str, str] = current_app.extensions.setdefault(_KINDS, {})
    if project not in known:
        kind = engine().project(project).status().kind
        if kind is None:
            return None
        known[project] = kind
    return known[project]
