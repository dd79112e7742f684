"""Lists of items to look at: what is taken for what, where people differ, labels worth a second look."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from nextlabel.engine.progress.label_issues import UNLIKELY
from nextlabel.engine.progress.progress_records import Listing
from nextlabel.web import number_format, text_format
from nextlabel.web.pixels import small
from nextlabel.web.request_context import current_project
from nextlabel.web.request_parsing import validated
from nextlabel.web.schemas.progress_schemas import ConfusionQuery, PageQuery
from nextlabel.web.urls import image_address, kind_of

SECTION = 6
"""Items of each list on the progress page."""
_PAGE = 48


def confusion() -> str | BaseResponse:
    """Show the held-out items of one class that are taken for another, or for what they are; of none: the table."""
    if not request.args:
        return redirect(url_for("pages.progress", project=current_project().config.name, _anchor="confused"))
    asked = validated(ConfusionQuery, request.args.to_dict())
    found = current_project().progress.confused(asked.true, asked.predicted, asked.page, _PAGE)
    if asked.true == asked.predicted:
        title = f"{asked.true}, taken for what it is"
    else:
        title = f"{asked.true} taken for {asked.predicted}"
    held = number_format.plural(found.total, "held-out item")
    note = f"{held} of class {asked.true}, which {found.checkpoint} takes for {asked.predicted}."
    return _list(found, title, note, true=asked.true, predicted=asked.predicted)


def disagreements() -> str:
    """Show the items whose annotators have no class in common."""
    found = current_project().progress.conflicts(_page(), _PAGE)
    note = f"{number_format.plural(found.total, 'item')}: of each, no class is in what every annotator says."
    return _list(found, "Where annotators disagree", note)


def second_look() -> str:
    """Show the items whose label the live checkpoint finds all but impossible."""
    found = current_project().progress.label_issues(_page(), _PAGE)
    items = number_format.plural(found.total, "labelled item")
    given = number_format.round_percent(UNLIKELY)
    note = f"{items} whose label {found.checkpoint} gives less than {given}, the least likely first."
    return _list(found, "Labels worth a second look", note)


def add(pages: Blueprint) -> None:
    """Add the pages."""
    pages.add_url_rule("/projects/<project>/confusion", view_func=confusion)
    pages.add_url_rule("/projects/<project>/disagreements", view_func=disagreements)
    pages.add_url_rule("/projects/<project>/second-look", view_func=second_look)


def looks(project: str, *lists: Listing | None) -> dict[str, object]:
    """Return what a template needs to show items."""
    first = next((item.id for found in lists if found for item in found.items), None)
    return {
        "image": image_address(project),
        # as small as one of them
        "pixels": first is not None and kind_of(project) == "image" and small(first),
        "unlikely": UNLIKELY,
    }


def _page() -> int:
    return validated(PageQuery, request.args.to_dict()).page


def _list(found: Listing, title: str, note: str, **named: str) -> str:
    project = current_project().status()
    return render_template(
        "progress-list.html",
        project=project,
        found=found,
        title=title,
        note=note,
        named=named,
        figures=number_format,
        words=text_format,
        **looks(project.name, found),
    )
