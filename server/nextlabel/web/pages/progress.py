"""GET /projects/<p>/progress: the learning curve, classes, annotators, jobs and checkpoints."""

from __future__ import annotations

from flask import Blueprint, render_template

from nextlabel.web.context import loop


def progress() -> str:
    """Show the page."""
    return render_template("progress.html", project=loop().status())


def add(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/projects/<project>/progress", view_func=progress)
