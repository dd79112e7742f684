"""The Flask app, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextlabel.web import headers, metrics, pages, problems, request_context, routes, security
from nextlabel.web.openapi import Application
from nextlabel.web.request_parsing import MAX_FORM

if TYPE_CHECKING:
    from nextlabel.engine.engine import Engine


def application(engine: Engine) -> Application:
    """Return the app that serves `engine`."""
    app = Application("nextlabel.web", engine.settings)
    # addresses are taken as they are: no redirect from `//` to `/`, which no document describes
    app.url_map.merge_slashes = False
    # of what reads its body through `reading`, that sets the limit instead
    app.config.update(MAX_CONTENT_LENGTH=MAX_FORM, MAX_FORM_MEMORY_SIZE=MAX_FORM)
    request_context.attach(app, engine)
    metrics.register(app)
    security.register(app, engine.settings)
    headers.register(app)
    problems.register(app)
    routes.register(app)
    pages.register(app)
    app.generate_spec_json()  # now, and not by the first two requests at once
    return app
