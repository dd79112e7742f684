"""Aggregates over the labels and queries of a project, computed by the database."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, case, func, select

from nextlabel.store import bulk
from nextlabel.store.queries import Chosen
from nextlabel.store.schema import labels, queries

_MAX_QUERIES = 2000


@dataclass(frozen=True, slots=True)
class AnnotatorTally:
    """Counts of one annotator's labels, including those that were replaced or retracted."""

    annotator: str
    full: int
    """Labels with a single class, or values in regression."""
    partial: int
    skips: int
    retractions: int
    last: float
    """Seconds since the epoch."""
    recent: int
    """Full and partial labels since the start of the period."""


def by_annotator(c: Connection, project: str, classes: Sequence[str], since: float) -> list[AnnotatorTally]:
    """Return one tally per annotator, by name; `recent` counts from `since` on, in seconds since the epoch."""
    # as `labels.append` writes them
    single = [json.dumps([name], ensure_ascii=False, separators=(",", ":")) for name in classes]
    kind = labels.c.kind
    is_label = kind.in_(["candidates", "value"])
    is_full = (kind == "value") | labels.c.candidates.in_(bindparam("alone", expanding=True))
    statement = (
        select(
            labels.c.annotator,
            func.sum(case((is_full, 1), else_=0)),
            func.sum(case((is_label, 1), else_=0)),
            func.sum(case((kind == "skip", 1), else_=0)),
            func.sum(case((kind == "retract", 1), else_=0)),
            func.max(labels.c.time),
            func.sum(case((is_label & (labels.c.time >= since), 1), else_=0)),
        )
        .where(labels.c.project == project)
        .group_by(labels.c.annotator)
        .order_by(labels.c.annotator)
    )
    return [
        AnnotatorTally(name, int(full), int(total - full), int(skips), int(retractions), float(last), int(recent))
        for name, full, total, skips, retractions, last, recent in c.execute(statement, {"alone": single})
    ]


def chosen_with(c: Connection, project: str, checkpoint: str, limit: int = _MAX_QUERIES) -> list[tuple[Chosen, ...]]:
    """Return the items chosen by the newest `limit` queries that used a checkpoint's scores, oldest query first.

    Queries that chose nothing do not count: a page that waits for items sends many.
    """
    is_not_empty = func.json_array_length(queries.c.chosen) > 0
    statement = (
        select(queries.c.chosen)
        .where(queries.c.project == project, queries.c.checkpoint == checkpoint, is_not_empty)
        .order_by(queries.c.number.desc())
        .limit(limit)
    )
    choices = [
        tuple(Chosen(position, math.nan if score is None else score, reason) for position, score, reason in chosen)
        for (chosen,) in c.execute(statement)
    ]
    return choices[::-1]


def labelled(c: Connection, project: str, positions: Iterable[int], until: int) -> set[int]:
    """Return those of `positions` that have a label event with an id up to `until`."""
    labelled_positions: set[int] = set()
    for chunk in bulk.chunks([int(position) for position in positions]):
        statement = (
            select(labels.c.position)
            .distinct()
            .where(labels.c.project == project, labels.c.position.in_(chunk), labels.c.id <= until)
        )
        labelled_positions.update(c.execute(statement).scalars())
    return labelled_positions
