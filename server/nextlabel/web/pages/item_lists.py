"""Lists of items: cells of the confusion matrix, disagreements between annotators, possible label errors."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.images.decoding import measure
from nextlabel.engine.predict.preview import SMALL
from nextlabel.engine.progress.label_issues import UNLIKELY
from nextlabel.engine.progress.progress_records import Listing
from nextlabel.web import formatting
from nextlabel.web.request_context import current_project, settings
from nextlabel.web.request_parsing import validated
from nextlabel.web.schemas.progress_schemas import ConfusionQuery, PageQuery
from nextlabel.web.urls import image_address, kind_of

SECTION = 6
"""Items of each list on the progress page."""
_PAGE = 48


def confusion() -> str | BaseResponse:
    """Show the hold-out items of one cell of the confusion matrix; without a cell, redirect to the matrix."""
    if not request.args:
        return redirect(url_for("pages.progress", project=current_project().config.name, _anchor="confusion"))
    cell = validated(ConfusionQuery, request.args.to_dict())
    listing = current_project().progress.confused(cell.true, cell.predicted, cell.page, _PAGE)
    title = f"{cell.true} predicted as {cell.predicted}"
    items = formatting.plural(listing.total, "hold-out item")
    note = f"{items} of class {cell.true}, predicted as {cell.predicted} by {listing.checkpoint}."
    return _list(listing, title, note, true=cell.true, predicted=cell.predicted)


def disagreements() -> str:
    """Show the items whose annotators have no class in common."""
    listing = current_project().progress.conflicts(_page(), _PAGE)
    note = f"{formatting.plural(listing.total, 'item')} without a class that all annotators of the item chose."
    return _list(listing, "Where annotators disagree", note)


def second_look() -> str:
    """Show the items whose label the live checkpoint considers very unlikely."""
    listing = current_project().progress.label_issues(_page(), _PAGE)
    items = formatting.plural(listing.total, "labelled item")
    limit, model = formatting.round_percent(UNLIKELY), listing.checkpoint
    note = f"{items} whose label has a probability below {limit} according to {model}, the least likely first."
    return _list(listing, "Possible label errors", note)


def is_small_image(item: str) -> bool:
    """Return whether an item's image is so small that a page draws it pixel by pixel; False if it is unreadable."""
    try:
        return max(measure(current_project().items.image(item)[0], settings().max_pixels)) <= SMALL
    except NextlabelError:  # the page shows the rest of the item without its image
        return False


def image_variables(project: str, *lists: Listing | None) -> dict[str, object]:
    """Return the template variables that the `item_list` macro needs; the images of a project have one size."""
    first = next((item.id for listing in lists if listing for item in listing.items), None)
    return {
        "image": image_address(project),
        "pixels": first is not None and kind_of(project) == "image" and is_small_image(first),
        "unlikely": UNLIKELY,
    }


def _page() -> int:
    return validated(PageQuery, request.args.to_dict()).page


def _list(listing: Listing, title: str, note: str, **terms: str) -> str:
    project = current_project().status()
    return render_template(
        "progress-list.html",
        project=project,
        listing=listing,
        title=title,
        note=note,
        terms=terms,
        **image_variables(project.name, listing),
    )
