"""GET /docs: the routes, from the OpenAPI document."""

from __future__ import annotations

from flask import render_template

from nextlabel.web.openapi import current_document


def docs() -> str:
    """Show every route with its parameters and responses; routes of a project are listed once."""
    document = current_document()
    paths = {address: methods for address, methods in document["paths"].items() if "{project}" not in address}
    return render_template("docs.html", document=document, paths=paths)
