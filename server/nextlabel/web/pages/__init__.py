"""The HTML pages, one module per page, rendered on the server.

Add a page to `VIEWS`, and a page of a project also to `PROJECT_PAGES`: every list of projects links to it.
"""

from __future__ import annotations

from flask import Blueprint, Flask

from nextlabel.web import formatting
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

VIEWS = (
    ("GET", "/", home_page.home),
    ("GET", "/docs", docs_page.docs),
    ("GET", "/login", login_page.login),
    ("POST", "/login", login_page.log_in),
    ("GET", "/projects/<project>/", predict_page.predict),
    ("POST", "/projects/<project>/", predict_page.predict_images),
    ("GET", "/projects/<project>/label", label_page.label),
    ("GET", "/projects/<project>/progress", progress_page.progress),
    ("POST", "/projects/<project>/progress", progress_page.act),
    ("GET", "/projects/<project>/progress/jobs", progress_page.jobs),
    ("GET", "/projects/<project>/confusion", item_lists.confusion),
    ("GET", "/projects/<project>/disagreements", item_lists.disagreements),
    ("GET", "/projects/<project>/second-look", item_lists.second_look),
    ("GET", "/projects/<project>/pool", pool_page.pool),
    ("POST", "/projects/<project>/pool", pool_page.add_images),
    ("GET", "/projects/<project>/pool/<path:item>", item_page.item),
    ("POST", "/projects/<project>/pool/<path:item>", item_page.submit_label),
)
"""Method, URL rule and view of each page; the endpoint is `pages.<name of the view>`."""
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
    pages.context_processor(lambda: {"project_pages": PROJECT_PAGES, "fmt": formatting})
    for method, rule, view in VIEWS:
        pages.add_url_rule(rule, view_func=view, methods=[method])
    app.register_blueprint(pages)
