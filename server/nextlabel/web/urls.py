"""The addresses of items and their images."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from flask import current_app

from nextlabel.web.request_context import engine

_KINDS = "nextlabel.kinds"


def image_address(project: str) -> Callable[[str], str | None]:
    """Return what gives an item's image its address; None for what is no image."""
    if kind_of(project) != "image":
        return lambda _item: None
    start = item_address(project)
    return lambda item: f"{start(item)}/image"


def item_address(project: str) -> Callable[[str], str]:
    """Return what gives an item its address in the API."""
    start = f"/projects/{quote(project, safe='')}/items/"
    return lambda item: f"{start}{quote(item)}"


def thumbnail_address(project: str, size: int) -> Callable[[str], str]:
    """Return what gives an item's image its address as a thumbnail."""
    start = item_address(project)
    return lambda item: f"{start(item)}/image?size={size}"


def kind_of(project: str) -> str | None:
    """Return whether a project's items are images, vectors or nodes; it never changes once known."""
    known: dict[str, str] = current_app.extensions.setdefault(_KINDS, {})
    if project not in known:
        kind = engine().project(project).status().kind
        if kind is None:
            return None
        known[project] = kind
    return known[project]
