"""GET /projects/<p>/label: label images, one at a time or in a grid.

The page is a frame: `static/label/*.js` fills it, using the public routes.
"""

from __future__ import annotations

from flask import render_template

from nextlabel.engine.predict.preview import SMALL
from nextlabel.store.labels import DATASET
from nextlabel.web.request_context import current_project, settings


def label() -> str:
    """Show the page."""
    project = current_project()
    return render_template(
        "label.html",
        project=project.status(),
        largest_query=settings().max_query,
        lease=project.config.labels.lease or settings().lease_seconds,
        small=SMALL,
        reserved=DATASET,
    )
