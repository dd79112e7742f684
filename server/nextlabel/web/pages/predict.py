"""GET /projects/<p>/: drop a picture, see its class."""

from __future__ import annotations

from flask import Blueprint, render_template

from nextlabel.web.context import loop, settings


def predict() -> str:
    """Show where to drop a picture, or what the project takes instead."""
    return render_template("predict.html", project=loop().status(), limit=settings().max_upload_bytes)


def add(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/projects/<project>/", view_func=predict)
