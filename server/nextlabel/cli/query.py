"""nextlabel query: choose the items to label next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import click
from rich.console import Console

from nextlabel.cli.options import as_json, imported_project, open_engine, project_name, with_settings
from nextlabel.cli.output import Screen, table
from nextlabel.contracts.errors import NotReady
from nextlabel.engine.project import Project
from nextlabel.engine.queries.current_scores import CHECKPOINT, UNIFORM, ToBeComputed
from nextlabel.engine.records import QueryAnswer
from nextlabel.engine.settings import Settings
from nextlabel.web.schemas.query_schemas import QueryReply


@click.command("query")
@project_name
@click.option("--size", type=click.IntRange(1), help="How many items; by default as in the project file.")
@click.option("--strategy", help="Use another strategy than the project's own.")
@click.option("--annotator", help="Name of the annotator to lease the items to for a while.")
@click.option("--replay", metavar="ID", help="Choose again from the record of an earlier query.")
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
    as_json: bool,
) -> None:
    """Choose the items of PROJECT to label next."""
    with open_engine(settings, project_file) as engine:
        project = imported_project(engine, name)
        if replay:
            answer = project.queries.replay(replay, here=True)
        else:
            try:
                answer = project.queries.create(size, strategy, annotator, here=True)
            except ToBeComputed as error:
                folder = f" with --projects {project_file.resolve().parent}" if project_file else ""
                start = f"start `nextlabel worker` or `nextlabel serve`{folder}"
                raise NotReady(f"{error}; a worker runs it: {start}") from error
        reply = QueryReply.from_record(answer, _image_paths(project))
    Screen(as_json).answer(reply, lambda console: _print_table(console, answer))


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
    click.echo(f"{answer.remaining} items can be queried; {answer.stale_labels} labels are not trained on yet")
