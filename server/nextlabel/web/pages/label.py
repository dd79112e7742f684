"""GET /projects/<p>/label: the next pictures to label, one at a time or in a grid."""

from __future__ import annotations

from flask import Blueprint, render_template

from nextlabel.web.context import loop


def label() -> str:
    """Show the page."""
    return render_template("label.html", project=loop().status())


def add(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/projects/<project>/label", view_func=label)
