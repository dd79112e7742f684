"""GET /: the projects."""

from __future__ import annotations

from flask import Blueprint, render_template

from nextlabel.web.request_context import engine


def home() -> str:
    """List the projects, with what can be done with each, and what could not be loaded."""
    found = engine()
    projects = [found.project(name).status() for name in found.projects()]
    default = found.settings.default_project
    # what a newcomer is sent to first: something that answers an image at once
    ready = sorted((one for one in projects if one.live and one.kind == "image"), key=lambda one: one.name != default)
    return render_template(
        "home.html",
        projects=projects,
        default=default,
        first=ready[0] if ready else None,
        faults=found.faults(),
    )


def add(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/", view_func=home)
