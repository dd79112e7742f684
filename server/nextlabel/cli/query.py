"""nextlabel query: choose the items to label next."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

import click
from rich.console import Console

from nextlabel.cli.foreground_jobs import wait_for_job
from nextlabel.cli.options import FOLDER, as_json, imported_project, open_engine, project_name, with_settings
from nextlabel.cli.output import Screen, table
from nextlabel.contracts.errors import Conflict, NextlabelError
from nextlabel.engine.engine import Engine
from nextlabel.engine.project import Project
from nextlabel.engine.queries.current_scores import CHECKPOINT, UNIFORM, ToBeComputed
from nextlabel.engine.records import QueryAnswer
from nextlabel.engine.settings import Settings
from nextlabel.import_export.exporting.query_images import QueryImages, query_folder, write_query_images
from nextlabel.web.formatting import plural
from nextlabel.web.schemas.query_schemas import QueryReply

_MOST_JOBS = 3
"""Jobs that one query may wait for: its labels or its project file may change meanwhile."""


@click.command("query")
@project_name
@click.option("--size", type=click.IntRange(1), help="How many items; by default as in the project file.")
@click.option("--strategy", help="Use another strategy than the project's own.")
@click.option("--annotator", help="Name of the annotator to lease the items to for a while.")
@click.option("--replay", metavar="ID", help="Choose again from the record of an earlier query.")
@click.option(
    "--out", type=FOLDER, help="Copy the chosen images to this new folder, with a contact sheet, contact-sheet.png."
)
@as_json
@with_settings()
def command(
    settings: Settings,
    name: str,
    project_file: Path | None,
    size: int | None,
    strategy: str | None,
    annotator: str | None,
    replay: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Choose the items of PROJECT to label next.

    If scores or features must be computed first, this command computes them, or follows the worker of
    a server that runs on the same home folder.
    """
    screen = Screen(as_json)
    with open_engine(settings, project_file) as engine:
        project = imported_project(engine, name)
        written: QueryImages | None = None
        with query_folder(project, out) if out else nullcontext() as folder:

            def write_images(answer: QueryAnswer) -> None:
                nonlocal written
                if out is not None and folder is not None:
                    written = write_query_images(project, answer, folder, out, settings.max_pixels)

            if replay:
                answer = project.queries.replay(replay, here=True)
                write_images(answer)
            else:
                answer = _create(engine, project, screen, size, strategy, annotator, write_images)
        reply = QueryReply.from_record(answer, _image_paths(project))
    files = {} if written is None else {"out": asdict(written)}
    document = {**reply.model_dump(mode="json", exclude_unset=True), **files} if files else reply
    screen.answer(document, lambda console: _print_table(console, answer))
    if written is not None and not as_json:
        click.echo(f"{len(written.images)} images and {written.contact_sheet} are in {written.folder}")


def _create(
    engine: Engine,
    project: Project,
    screen: Screen,
    size: int | None,
    strategy: str | None,
    annotator: str | None,
    before: Callable[[QueryAnswer], None],
) -> QueryAnswer:
    """Return a new query, after running the jobs that compute what it needs. Raises NextlabelError if one fails.

    `before` receives the query before it is stored.
    """
    for _ in range(_MOST_JOBS):
        try:
            return project.queries.create(size, strategy, annotator, here=True, before_storing=before)
        except ToBeComputed as error:
            missing = error
        _finish(engine, project.config.name, missing.job, missing.created, screen)
    return project.queries.create(size, strategy, annotator, here=True, before_storing=before)


def _finish(engine: Engine, project: str, number: int, created: bool, screen: Screen) -> None:
    """Wait until a scoring job has succeeded, or was interrupted: then the query queues another.

    Raises NextlabelError if it ends otherwise, and Conflict if a worker runs that would never run it. In that case, and
    on a KeyboardInterrupt, the job is cancelled if it was `created` for this query.
    """
    with screen.progress(f"computing what the query needs (job {number})") as advance:
        try:
            job = wait_for_job(engine, project, lambda _worker_runs: number, advance, own=False)
        except (Conflict, KeyboardInterrupt):
            if created:
                engine.cancel(number)
            raise
    if job.state not in {"succeeded", "interrupted"}:
        raise NextlabelError(job.error or f"job {number}, which computes what the query needs, was {job.state}")


def _image_paths(project: Project) -> Callable[[str], str | None]:
    """Return a function that maps an item's id to the path a server gives its image, or to None."""
    if project.status().kind != "image":
        return lambda _item: None
    return lambda item: f"/projects/{project.config.name}/items/{quote(item)}/image"


def _print_table(console: Console, answer: QueryAnswer) -> None:
    by = f"by {answer.checkpoint}" if answer.checkpoint else "before any training"
    if answer.probabilities not in {None, CHECKPOINT, UNIFORM}:
        by += f", by the own classes of {answer.probabilities}"
    rows = table(("item", "score", "reason", "suggestion"), f"{answer.query}: {answer.strategy}, {by}")
    for item in answer.items:
        suggestion = f"{item.suggestion.label} {item.suggestion.probability:.1%}" if item.suggestion else ""
        rows.add_row(item.id, f"{item.score:.4g}", item.reason, suggestion)
    console.print(rows)
    if answer.hint is not None:
        click.echo(answer.hint)
    stale = f"{plural(answer.stale_labels, 'label')} {'is' if answer.stale_labels == 1 else 'are'} not trained on yet"
    click.echo(f"{plural(answer.remaining, 'item')} can be queried; {stale}")
