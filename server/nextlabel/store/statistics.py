"""Sums over the labels and queries of a project, made by the database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, case, func, select

from nextlabel.store import bulk
from nextlabel.store.queries import Chosen
from nextlabel.store.schema import labels, queries

_ROUNDS = 2000


@dataclass(frozen=True, slots=True)
class AnnotatorTally:
    """All that one annotator ever said, labels that were replaced or taken back included."""

    annotator: str
    full: int
    """Sets of one class; values, in regression."""
    partial: int
    skips: int
    retractions: int
    last: float
    """Seconds since the epoch."""
    recent: int
    """Full and partial ones since the time asked for."""


def by_annotator(c: Connection, project: str, classes: Sequence[str], since: float) -> list[AnnotatorTally]:
    """Return a tally an annotator, by name; `recent` counts from `since` on."""
    # as `labels.append` writes them
    single = [json.dumps([name], ensure_ascii=False, separators=(",", ":")) for name in classes]
    kind = labels.c.kind
    answer = kind.in_(["candidates", "value"])
    full = (kind == "value") | labels.c.candidates.in_(bindparam("alone", expanding=True))
    statement = (
        select(
            labels.c.annotator,
            func.sum(case((full, 1), else_=0)),
            func.sum(case((answer, 1), else_=0)),
            func.sum(case((kind == "skip", 1), else_=0)),
            func.sum(case((kind == "retract", 1), else_=0)),
            func.max(labels.c.time),
            func.sum(case((answer & (labels.c.time >= since), 1), else_=0)),
        )
        .where(labels.c.project == project)
        .group_by(labels.c.annotator)
        .order_by(labels.c.annotator)
    )
    return [
        AnnotatorTally(name, int(full), int(answers - full), int(skips), int(retractions), float(last), int(recent))
        for name, full, answers, skips, retractions, last, recent in c.execute(statement, {"alone": single})
    ]


def chosen_under(c: Connection, project: str, checkpoint: str, limit: int = _ROUNDS) -> list[tuple[Chosen, ...]]:
    """Return what the newest `limit` queries that chose by a checkpoint's scores chose, oldest first.

    Those that chose nothing do not count: a page that waits for more asks again and again.
    """
    chose = func.json_array_length(queries.c.chosen) > 0
    statement = (
        select(queries.c.chosen)
        .where(queries.c.project == project, queries.c.checkpoint == checkpoint, chose)
        .order_by(queries.c.number.desc())
        .limit(limit)
    )
    found = [
        tuple(Chosen(place, float("nan") if score is None else score, why) for place, score, why in chosen)
        for (chosen,) in c.execute(statement)
    ]
    return found[::-1]


def spoken_of(c: Connection, project: str, positions: Iterable[int], until: int) -> set[int]:
    """Return those of `positions` that somebody had spoken of by the label `until`."""
    found: set[int] = set()
    for part in bulk.chunks([int(position) for position in positions]):
        statement = (
            select(labels.c.position)
            .distinct()
            .where(labels.c.project == project, labels.c.position.in_(part), labels.c.id <= until)
        )
        found.update(c.execute(statement).scalars())
    return found
