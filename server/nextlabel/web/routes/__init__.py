"""The JSON routes: parse, one call of the engine, render. One file a subject."""

from __future__ import annotations

from flask_openapi3.openapi import OpenAPI

from nextlabel.web.openapi import routes
from nextlabel.web.request_context import take_project
from nextlabel.web.routes import items, labels, predict, query, ready, server, status, work


def register(app: OpenAPI) -> None:
    """Register every route; those of a project twice, at the root and under /projects/<project>."""
    for of_project in (False, True):
        for subject in (predict, query, labels, items, work, status, ready):
            api = routes(subject.__name__.rpartition(".")[2], of_project=of_project)
            api.url_value_preprocessor(take_project)
            subject.add(api)
            app.register_api(api)
    api = routes("server")
    server.add(api)
    app.register_api(api)
