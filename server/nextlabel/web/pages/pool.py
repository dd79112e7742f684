"""GET /projects/<p>/pool: the pool as thumbnails, and the door for new pictures."""

from __future__ import annotations

from flask import Blueprint, render_template

from nextlabel.web.context import loop


def pool() -> str:
    """Show the page."""
    return render_template("pool.html", project=loop().status())


def add(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/projects/<project>/pool", view_func=pool)
