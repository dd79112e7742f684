"""The JSON routes, one module per subject with its views and its table `ROUTES`."""

from __future__ import annotations

from flask import Flask

from nextlabel.engine.settings import Settings
from nextlabel.web import openapi
from nextlabel.web.routes import checkpoints, items, jobs, labels, predict, query, server, status
from nextlabel.web.routing import add_routes

PROJECT_ROUTES = (
    *predict.ROUTES,
    *query.ROUTES,
    *labels.ROUTES,
    *items.ROUTES,
    *jobs.ROUTES,
    *checkpoints.ROUTES,
    *status.ROUTES,
)


def register(app: Flask, settings: Settings) -> None:
    """Register every route. Routes of a project are registered at the root and under /projects/<project>."""
    add_routes(app, "api", (*PROJECT_ROUTES, *server.ROUTES))
    add_routes(app, "project", PROJECT_ROUTES, prefix=openapi.PROJECT_PREFIX)
    openapi.attach(app, PROJECT_ROUTES, server.ROUTES, settings)
