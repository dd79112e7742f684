"""Creates the Flask app."""

from __future__ import annotations

from flask import Flask

from nextlabel.engine.engine import Engine
from nextlabel.web import headers, metrics, pages, problems, request_context, routes, security
from nextlabel.web.request_parsing import MAX_FORM, Request


def application(engine: Engine) -> Flask:
    """Return the app that serves `engine`."""
    app = Flask("nextlabel.web")
    app.request_class = Request
    # no redirect from `//` to `/`: the OpenAPI document does not describe one
    app.url_map.merge_slashes = False
    # the limit of forms; views that use `request_parsing` set their own before they read the body
    app.config.update(MAX_CONTENT_LENGTH=MAX_FORM, MAX_FORM_MEMORY_SIZE=MAX_FORM)
    request_context.attach(app, engine)
    metrics.register(app)
    security.register(app, engine.settings)
    headers.register(app)
    problems.register(app)
    routes.register(app, engine.settings)
    pages.register(app)
    return app
