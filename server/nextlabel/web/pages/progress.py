"""GET and POST /projects/<p>/progress: how a project goes, and what can be done about it: train, cancel, roll back.

Its jobs have a page of their own too, light enough to be asked for every second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from nextlabel.contracts.errors import NextlabelError, NotReady, Unprocessable
from nextlabel.web import number_format, text_format
from nextlabel.web.learning_curve import learning_curve
from nextlabel.web.pages.item_lists import SECTION, looks
from nextlabel.web.problems import log_fault, status_of
from nextlabel.web.request_context import current_project, engine, own_job
from nextlabel.web.request_parsing import validated
from nextlabel.web.schemas.progress_schemas import OlderJobsQuery, ProgressForm, ProgressQuery

T = TypeVar("T")
_JOBS = 8
"""Shown on the page; the others are a link away."""
_PAGE_OF_JOBS = 50


def progress() -> Response:
    """Show the page, and tell what was just done."""
    return _page(200, said=_said(validated(ProgressQuery, request.args.to_dict())))


def act() -> BaseResponse:
    """Do what a button asks; what is wrong with it stands on the page."""
    found = current_project()  # a project that is not there has no page
    project = found.config.name
    try:
        asked = validated(ProgressForm, request.form.to_dict())
        done: dict[str, Any] = {}
        if asked.promote is not None:
            done["promoted"] = found.models.promote(asked.promote).checkpoint
        elif asked.cancel is not None:
            done["cancelled"] = engine().cancel(own_job(asked.cancel).job).job
        elif asked.train is not None:
            done["queued"] = found.training.start()
        else:
            raise Unprocessable("nothing was asked; valid: promote, cancel, train")
    except NextlabelError as error:
        log_fault(error)
        return _page(status_of(error), fault=str(error))
    return redirect(url_for("pages.progress", project=project, **done), 303)


def jobs() -> str:
    """Show a project's jobs, the newest first."""
    before = validated(OlderJobsQuery, request.args.to_dict()).before
    project = current_project().status()
    return render_template("progress-jobs.html", project=project, **_jobs(project.name, _PAGE_OF_JOBS, before))


def add(pages: Blueprint) -> None:
    """Add the pages."""
    pages.add_url_rule("/projects/<project>/progress", view_func=progress)
    pages.add_url_rule("/projects/<project>/progress", view_func=act, methods=["POST"])
    pages.add_url_rule("/projects/<project>/progress/jobs", view_func=jobs)


def _page(status: int, said: str = "", fault: str = "") -> Response:
    found = current_project()
    project = found.status()
    told = found.progress
    points = told.curve()
    labels, unread = _or_why(told.labels)
    confusion, unjudged = _or_why(told.confusion)
    contested, _ = _or_why(lambda: told.conflicts(1, SECTION))
    doubtful, unscored = _or_why(lambda: told.label_issues(1, SECTION))
    control, _ = _or_why(told.control)
    page = render_template(
        "progress.html",
        project=project,
        said=said,
        fault=fault,
        points=points[::-1],
        live=next((point for point in points if point.state == "live"), None),
        chart=learning_curve(points, project.stop),
        labels=labels,
        unread=unread,
        confusion=confusion,
        unjudged=unjudged,
        contested=contested,
        doubtful=doubtful,
        unscored=unscored,
        control=control,
        share=found.config.labels.control,
        figures=number_format,
        words=text_format,
        **looks(project.name, contested, doubtful),
        **_jobs(project.name, _JOBS),
    )
    return make_response(page, status)


def _jobs(project: str, most: int, before: int | None = None) -> dict[str, object]:
    found = engine().jobs(project, most + 1, before)
    shown = found[:most]
    return {
        "jobs": shown,
        "older": shown[-1].job if len(found) > most else None,
        "running": [job.job for job in shown if job.finished is None],
        "lasted": number_format.lasted,
        "moment": text_format.moment,
    }


def _or_why(tell: Callable[[], T]) -> tuple[T | None, str]:
    """Return what is told, or None and what is missing for it."""
    try:
        return tell(), ""
    except (NotReady, Unprocessable) as error:
        return None, str(error)


def _said(asked: ProgressQuery) -> str:
    """Return what was just done, as it is now: the address may be an old one."""
    found = current_project()
    if asked.promoted is not None:
        live = found.status().live
        if asked.promoted == live:
            return f"{live} is live: it answers every prediction from now on."
        return f"{live} is live now." if live else ""
    if asked.cancelled is not None:
        job = own_job(asked.cancelled)
        if job.finished is None:
            return f"Job {job.job} was asked to stop."
        return f"Job {job.job} is {job.state}."
    if asked.queued is not None:
        job = own_job(asked.queued)
        return f"Job {job.job}, a training, is {job.state}."
    return ""
