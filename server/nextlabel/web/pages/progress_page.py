"""GET and POST /projects/<p>/progress: accuracy, checkpoints, jobs and labels; train, cancel, promote.

The jobs also have a page of their own, which is cheap enough to be polled every second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from nextlabel.contracts.errors import NextlabelError, NotReady, Unprocessable
from nextlabel.web.learning_curve import learning_curve
from nextlabel.web.pages.item_lists import SECTION, image_variables
from nextlabel.web.problems import log_fault, status_of
from nextlabel.web.request_context import current_project, engine, own_job
from nextlabel.web.request_parsing import validated
from nextlabel.web.schemas.progress_schemas import OlderJobsQuery, ProgressForm, ProgressQuery

T = TypeVar("T")
_LISTED_JOBS = 8
"""Jobs on the progress page; it links to the older ones."""
_PAGE_OF_JOBS = 50


def progress() -> Response:
    """Show the page, with a notice about the last action."""
    return _page(200, notice=_notice(validated(ProgressQuery, request.args.to_dict())))


def act() -> BaseResponse:
    """Promote a checkpoint, cancel a job or queue a training; show the page with the error if that fails."""
    project = current_project()  # raises NotFound before the form is read
    try:
        action = validated(ProgressForm, request.form.to_dict())
        done: dict[str, Any] = {}
        if action.promote is not None:
            done["promoted"] = project.models.promote(action.promote).checkpoint
        elif action.cancel is not None:
            done["cancelled"] = engine().cancel(own_job(action.cancel).job).job
        elif action.train is not None:
            done["queued"] = project.start_training()
        else:
            raise Unprocessable("the form has no action; valid: promote, cancel, train")
    except NextlabelError as error:
        log_fault(error)
        return _page(status_of(error), error=str(error))
    return redirect(url_for("pages.progress", project=project.config.name, **done), 303)


def jobs() -> str:
    """Show the jobs of a project, the newest first."""
    before = validated(OlderJobsQuery, request.args.to_dict()).before
    project = current_project().status()
    return render_template("progress-jobs.html", project=project, **_job_variables(project.name, _PAGE_OF_JOBS, before))


def _page(status: int, notice: str = "", error: str = "") -> Response:
    project = current_project().status()
    measurements = current_project().progress
    points = measurements.curve()
    labels, labels_missing = _or_reason(measurements.labels)
    confusion, confusion_missing = _or_reason(measurements.confusion)
    conflicts, _ = _or_reason(lambda: measurements.conflicts(1, SECTION))
    label_issues, label_issues_missing = _or_reason(lambda: measurements.label_issues(1, SECTION))
    control, _ = _or_reason(measurements.control)
    holds_out, _ = _or_reason(measurements.holds_out)
    known_holdout, _ = _or_reason(measurements.known_holdout)
    page = render_template(
        "progress.html",
        project=project,
        notice=notice,
        error=error,
        points=points[::-1],
        live=next((point for point in points if point.state == "live"), None),
        chart=learning_curve(points, project.stop),
        labels=labels,
        labels_missing=labels_missing,
        confusion=confusion,
        confusion_missing=confusion_missing,
        conflicts=conflicts,
        label_issues=label_issues,
        label_issues_missing=label_issues_missing,
        control=control,
        holds_out=holds_out,
        known_holdout=known_holdout,
        share=current_project().config.labels.control,
        **image_variables(project.name, conflicts, label_issues),
        **_job_variables(project.name, _LISTED_JOBS),
    )
    return make_response(page, status)


def _job_variables(project: str, most: int, before: int | None = None) -> dict[str, object]:
    """Return the template variables of progress-jobs-section.html."""
    newest = engine().jobs(project, most + 1, before)
    shown = newest[:most]
    return {
        "jobs": shown,
        "older": shown[-1].job if len(newest) > most else None,
        "running": [job.job for job in shown if job.finished is None],
    }


def _or_reason(compute: Callable[[], T]) -> tuple[T | None, str]:
    """Return the result, or None and the reason why it cannot be computed yet."""
    try:
        return compute(), ""
    except (NotReady, Unprocessable) as error:
        return None, str(error)


def _notice(query: ProgressQuery) -> str:
    """Return the present result of the last action; the user may have reloaded an old address."""
    if query.promoted is not None:
        live = current_project().status().live
        if query.promoted == live:
            return f"{live} is live and makes every prediction from now on."
        return f"{live} is live now." if live else ""
    if query.cancelled is not None:
        job = own_job(query.cancelled)
        if job.finished is None:
            return f"Job {job.job} is being cancelled."
        return f"Job {job.job} is {job.state}."
    if query.queued is not None:
        job = own_job(query.queued)
        return f"Training job {job.job} is {job.state}."
    return ""
