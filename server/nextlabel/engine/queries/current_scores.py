"""The scores that a query is answered from: the live checkpoint's newest, or those of a query's record."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nextlabel.contracts.data import Need
from nextlabel.contracts.errors import NextlabelError, NotReady, Unprocessable
from nextlabel.engine.scheduling import queue_once
from nextlabel.engine.scores import Arrays, needs_of, project_needs, stored_scores
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, items, jobs, projects
from nextlabel.store.checkpoints import ScoringRow
from nextlabel.store.projects import ProjectRow
from nextlabel.store.queries import QueryRow

_NEVER: Mapping[str, frozenset[Need]] = {
    "regression": frozenset({"probabilities", "samples"}),
    "classification": frozenset({"std"}),
}
"""What no model of that task says."""
_TRY_AGAIN = 60.0
"""Seconds after which scores that could not be computed are tried again."""
_LOOKS = 3


@dataclass(frozen=True)
class Scored:
    """A round of scores; both None before any model."""

    row: ScoringRow | None = None
    arrays: Arrays | None = None


def scores_now(services: Services, project: ProjectRow, strategy: str) -> Scored:
    """Return the live checkpoint's newest scores, with all that the strategy needs (of an empty pool: nothing).

    NotReady where they are still to be computed, which is queued; Unprocessable where they
    cannot be.
    """
    needs = needs_of([services.registry.strategy(strategy).needs])
    if needs & _NEVER[project.task]:
        told = ", ".join(sorted(needs & _NEVER[project.task]))
        raise Unprocessable(f"strategy {strategy!r} needs {told}, which no model of a {project.task} says")
    live, scored = _newest(services, project.name)
    missing = sorted(needs - set(scored.arrays or ()))
    if live is not None and missing and not _empty(services, project.name):
        raise _to_be_computed(services, project.name, strategy, live, missing)
    return scored


def scores_then(services: Services, record: QueryRow) -> Scored:
    """Return scores that hold those the query was chosen from; without arrays where none are kept."""
    if record.scoring is None or record.checkpoint is None:
        return Scored()
    with services.database.read() as connection:
        # the newest of a checkpoint hold what the older ones did, and the items that came since
        found = checkpoints.scoring(connection, record.project, record.checkpoint)
    return Scored(found, stored_scores(services.home, found))


def _empty(services: Services, project: str) -> bool:
    with services.database.read() as connection:
        return items.count(connection, project) == 0


def _newest(services: Services, project: str) -> tuple[str | None, Scored]:
    for _ in range(_LOOKS):  # newer scores may replace, and remove, those just named
        with services.database.read() as connection:
            row = projects.get(connection, project)
            live = row.live if row else None
            found = checkpoints.scoring(connection, project, live) if live else None
        arrays = stored_scores(services.home, found)
        if found is None or arrays is not None:
            return live, Scored(found, arrays)
    return live, Scored()


def _to_be_computed(
    services: Services, project: str, strategy: str, checkpoint: str, missing: Sequence[str]
) -> NextlabelError:
    """Queue what is missing, unless that has just failed; returns what to raise."""
    unasked = sorted(set(missing) - project_needs(services.registry, services.projects.get(project)))
    with services.database.read() as connection:
        recent = jobs.page(connection, project, 20)
    for job in recent:
        same = job.parameters.get("checkpoint") == checkpoint and set(unasked) <= set(job.parameters["needs"])
        if same and job.state == "failed" and (job.finished or 0.0) > time.time() - _TRY_AGAIN:
            return Unprocessable(f"what strategy {strategy!r} needs cannot be computed: {job.error}")
    number = queue_once(services.database, project, "score", {"checkpoint": checkpoint, "needs": unasked})
    needed = f"strategy {strategy!r} needs {', '.join(missing)} (job {number})"
    return NotReady(f"the model looks at the pool first: {needed}", 2)
