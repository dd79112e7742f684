"""nextlabel query: what to label next."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import click
from rich.console import Console

from nextlabel.cli.options import as_json, imported_project, open_engine, project_name, with_settings
from nextlabel.cli.output import Screen, table
from nextlabel.engine.project import Project
from nextlabel.engine.records import QueryAnswer
from nextlabel.engine.settings import Settings
from nextlabel.web.schemas.query_schemas import QueryItemReply, QueryReply, SuggestionReply


@click.command("query")
@project_name
@click.option("--size", type=click.IntRange(1), default=10, show_default=True, help="How many items.")
@click.option("--strategy", help="Another strategy than the project's own.")
@click.option("--annotator", help="Who will label them: they are kept for that person for a while.")
@click.option("--replay", metavar="ID", help="Choose again from the record of an earlier query.")
@as_json
@with_settings()
def command(
    settings: Settings,
    name: str,
    size: int,
    strategy: str | None,
    annotator: str | None,
    replay: str | None,
    as_json: bool,
) -> None:
    """Ask which items of PROJECT to label next."""
    with open_engine(settings) as engine:
        project = imported_project(engine, name)
        found = project.queries.replay(replay) if replay else project.queries.create(size, strategy, annotator)
        answer = reply(found, _addresses(project))
    Screen(as_json).answer(answer, lambda console: _show(console, found))


def reply(found: QueryAnswer, address: Callable[[str], str | None]) -> QueryReply:
    """Return what `GET /query` answers; images have the paths a server would give them."""
    items = [
        QueryItemReply(
            id=item.id,
            url=address(item.id),
            score=item.score,
            suggestion=None if item.suggestion is None else SuggestionReply.model_validate(item.suggestion),
            reason=item.reason,
        )
        for item in found.items
    ]
    return QueryReply.model_validate({**vars(found), "items": items})


def _addresses(project: Project) -> Callable[[str], str | None]:
    if project.status().kind != "image":
        return lambda _item: None
    return lambda item: f"/projects/{project.config.name}/items/{quote(item)}/image"


def _show(console: Console, found: QueryAnswer) -> None:
    by = f"by {found.checkpoint}" if found.checkpoint else "before any training"
    shown = table(("item", "score", "reason", "suggestion"), f"{found.query}: {found.strategy}, {by}")
    for item in found.items:
        guess = f"{item.suggestion.label} {item.suggestion.probability:.1%}" if item.suggestion else ""
        shown.add_row(item.id, f"{item.score:.4g}", item.reason, guess)
    console.print(shown)
    click.echo(f"{found.remaining} could be asked; {found.stale_labels} labels have not been learnt from")
