"""GET /docs: the routes, from the OpenAPI document."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template

from nextlabel.web.openapi import Application


def docs() -> str:
    """Show every route with its parameters and responses; routes of a project are listed once."""
    app: Application = current_app  # type: ignore[assignment]
    paths = {address: methods for address, methods in app.api_doc["paths"].items() if "{project}" not in address}
    return render_template("docs.html", document=app.api_doc, paths=paths)


def add(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/docs", view_func=docs)
