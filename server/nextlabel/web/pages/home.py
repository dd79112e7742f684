"""GET /: the projects."""

from __future__ import annotations

from flask import Blueprint, render_template

from nextlabel.web.context import engine


def home() -> str:
    """List the projects, with what can be done with each, and what could not be loaded."""
    found = engine()
    projects = [found.loop(name).status() for name in found.projects()]
    default = found.settings.default_project
    return render_template("home.html", projects=projects, default=default, faults=found.faults())


def add(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/", view_func=home)
