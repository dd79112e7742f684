"""The pages: server-made HTML, one module a page.

A page of a project belongs in `PROJECT_PAGES`, and every list of projects links to it.
"""

from __future__ import annotations

from flask import Blueprint, Flask

from nextlabel.web.pages import docs, home, item, item_lists, label, login, pool, predict, progress
from nextlabel.web.request_context import take_project

PROJECT_PAGES = (
    ("pages.predict", "Try it"),
    ("pages.label", "Label"),
    ("pages.progress", "Progress"),
    ("pages.pool", "Pool"),
)
"""Endpoint and name of each page a project has, in order."""


def register(app: Flask) -> None:
    """Register every page."""
    pages = Blueprint("pages", __name__)
    pages.url_value_preprocessor(take_project)
    pages.context_processor(lambda: {"project_pages": PROJECT_PAGES})
    for page in (home, predict, label, progress, item_lists, pool, item, docs, login):
        page.add(pages)
    app.register_blueprint(pages)
