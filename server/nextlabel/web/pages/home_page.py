"""GET /: the list of projects."""

from __future__ import annotations

from flask import render_template

from nextlabel.web.request_context import engine


def home() -> str:
    """List the projects with links to their pages, and the plugins and project files that could not be loaded."""
    projects = [engine().project(name).status() for name in engine().projects()]
    default = engine().settings.default_project
    # new users are sent to a project that predicts images at once, the default one if possible
    ready = sorted(
        (project for project in projects if project.live and project.kind == "image"),
        key=lambda project: project.name != default,
    )
    return render_template(
        "home.html", projects=projects, default=default, first=ready[0] if ready else None, errors=engine().faults()
    )
