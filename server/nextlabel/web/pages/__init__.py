"""The HTML pages, one module per page, rendered on the server.

Add a page of a project to `PROJECT_PAGES`: every list of projects links to it.
"""

from __future__ import annotations

from flask import Blueprint, Flask

from nextlabel.web.pages import (
    docs_page,
    home_page,
    item_lists,
    item_page,
    label_page,
    login_page,
    pool_page,
    predict_page,
    progress_page,
)
from nextlabel.web.request_context import take_project

PROJECT_PAGES = (
    ("pages.predict", "Try it"),
    ("pages.label", "Label"),
    ("pages.progress", "Progress"),
    ("pages.pool", "Pool"),
)
"""Endpoint and name of each page of a project, in order."""


def register(app: Flask) -> None:
    """Register every page."""
    pages = Blueprint("pages", __name__)
    pages.url_value_preprocessor(take_project)
    pages.context_processor(lambda: {"project_pages": PROJECT_PAGES})
    for page in (
        home_page,
        predict_page,
        label_page,
        progress_page,
        item_lists,
        pool_page,
        item_page,
        docs_page,
        login_page,
    ):
        page.add(pages)
    app.register_blueprint(pages)
