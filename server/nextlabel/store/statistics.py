"""Aggregates over the labels and queries of a project, computed by the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from nextlabel.store import bulk
from nextlabel.store.labels import VISIBLE, candidates_text
from nextlabel.store.queries import Chosen, read_chosen
from nextlabel.store.schema import labels, queries

_MAX_QUERIES = 2000


@dataclass(frozen=True, slots=True)
class AnnotatorTally:
    """Counts of one annotator's labels, including labels that were replaced or retracted."""

    annotator: str
    full: int
    """Labels with one class; in a regression, values."""
    partial: int
    """Labels with several classes."""
    skips: int
    retractions: int
    last: float
    """Time of the last label, in seconds since the epoch."""
    recent: int
    """Full and partial labels in the recent period."""


def by_annotator(c: Connection, project: str, classes: Sequence[str], since: float) -> list[AnnotatorTally]:
    """Return one tally per annotator, by name; `recent` counts labels from the time `since` on."""
    single = [candidates_text([name]) for name in classes]
    kind = labels.c.kind
    is_label = kind.in_(["candidates", "value"])
    is_full = (kind == "value") | labels.c.candidates.in_(bindparam("single", expanding=True))
    count = func.count()
    statement = (
        select(
            labels.c.annotator,
            count.filter(is_full),
            count.filter(is_label & ~is_full),
            count.filter(kind == "skip"),
            count.filter(kind == "retract"),
            func.max(labels.c.time),
            count.filter(is_label & (labels.c.time >= since)),
        )
        .where(labels.c.project == bindparam("project"), VISIBLE)
        .group_by(labels.c.annotator)
        .order_by(labels.c.annotator)
    )
    return [AnnotatorTally(*row) for row in c.execute(statement, {"single": single, "project": project})]


def chosen_under(c: Connection, project: str, checkpoint: str, limit: int = _MAX_QUERIES) -> list[tuple[Chosen, ...]]:
    """Return the items of the newest `limit` queries that chose by a checkpoint's scores, oldest query first.

    Queries without items do not count, because a page that waits for items repeats them.
    """
    has_items = func.json_array_length(queries.c.chosen) > 0
    statement = (
        select(queries.c.chosen)
        .where(queries.c.project == project, queries.c.checkpoint == checkpoint, has_items)
        .order_by(queries.c.number.desc())
        .limit(limit)
    )
    newest_first = [read_chosen(chosen) for (chosen,) in c.execute(statement)]
    return newest_first[::-1]


def labelled_positions(c: Connection, project: str, positions: Iterable[int], until: int) -> set[int]:
    """Return those of `positions` with any label up to and including the id `until`."""
    labelled: set[int] = set()
    for chunk in bulk.chunks([int(position) for position in positions]):
        statement = (
            select(labels.c.position)
            .distinct()
            .where(labels.c.project == project, labels.c.position.in_(chunk), labels.c.id <= until)
        )
        labelled.update(c.execute(statement).scalars())
    return labelled
