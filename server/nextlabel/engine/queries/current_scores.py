"""The scores a query chooses by: the live checkpoint's newest, or the ones that a stored query recorded."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nextlabel.contracts.data import Need
from nextlabel.contracts.errors import NextlabelError, NotReady, Unprocessable
from nextlabel.engine.scheduling import queue_once
from nextlabel.engine.scores import Arrays, needs_of, project_needs, stored_scores
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, items, jobs
from nextlabel.store.checkpoints import ScoringRow
from nextlabel.store.projects import ProjectRow
from nextlabel.store.queries import QueryRow

_IMPOSSIBLE_NEEDS: Mapping[str, frozenset[Need]] = {
    "regression": frozenset({"probabilities", "samples"}),
    "classification": frozenset({"std"}),
}
"""Arrays that no model of the task provides."""
_RETRY_AFTER = 60.0
"""Seconds until scores that could not be computed are tried again."""
_READ_ATTEMPTS = 3


@dataclass(frozen=True)
class Scores:
    """A scoring of the pool with its arrays; both are None before any model."""

    row: ScoringRow | None = None
    arrays: Arrays | None = None


def current_scores(services: Services, project: ProjectRow, strategies: Sequence[str]) -> Scores:
    """Return the live checkpoint's newest scores with every array these strategies need; an empty pool has none.

    Raises NotReady if an array is still to be computed, and queues that; Unprocessable if it cannot be.
    """
    for strategy in strategies:
        if impossible := needs_of([services.registry.strategy(strategy).needs]) & _IMPOSSIBLE_NEEDS[project.task]:
            names = ", ".join(sorted(impossible))
            raise Unprocessable(f"strategy {strategy!r} needs {names}, which {project.task} models do not provide")
    needs = needs_of(services.registry.strategy(strategy).needs for strategy in strategies)
    live, scores = _newest(services, project)
    missing = sorted(needs - set(scores.arrays or ()))
    if live is not None and missing and not _is_empty(services, project.name):
        raise _to_be_computed(services, project.name, strategies, live, missing)
    return scores


def recorded_scores(services: Services, record: QueryRow) -> Scores:
    """Return scores that contain those the query was chosen by; without arrays if they were deleted."""
    if record.scoring is None or record.checkpoint is None:
        return Scores()
    with services.database.read() as connection:
        # a checkpoint's newest scoring contains its older ones, and the items added since
        scoring = checkpoints.scoring(connection, record.project, record.checkpoint)
    return Scores(scoring, stored_scores(services.home, scoring))


def _is_empty(services: Services, project: str) -> bool:
    with services.database.read() as connection:
        return items.count(connection, project) == 0


def _newest(services: Services, project: ProjectRow) -> tuple[str | None, Scores]:
    """Return the name of the live checkpoint, if any, and its newest scores."""
    for _ in range(_READ_ATTEMPTS):
        if project.live is None:
            return None, Scores()
        with services.database.read() as connection:
            scoring = checkpoints.scoring(connection, project.name, project.live)
        arrays = stored_scores(services.home, scoring)
        if scoring is None or arrays is not None:
            return project.live, Scores(scoring, arrays)
        # a newer scoring, or a newer live checkpoint, has just replaced this one and deleted its arrays
        project = services.row(project.name)
    return project.live, Scores()


def _to_be_computed(
    services: Services, project: str, strategies: Sequence[str], checkpoint: str, missing: Sequence[str]
) -> NextlabelError:
    """Queue the computation of missing arrays, unless it has just failed, and return the error to raise."""
    extra = sorted(set(missing) - project_needs(services.registry, services.projects.get(project)))
    strategy = " and ".join(repr(name) for name in strategies)
    with services.database.read() as connection:
        recent = jobs.page(connection, project, 20)
    for job in recent:
        same = job.parameters.get("checkpoint") == checkpoint and set(extra) <= set(job.parameters["needs"])
        if same and job.state == "failed" and (job.finished or 0.0) > time.time() - _RETRY_AFTER:
            return Unprocessable(f"strategy {strategy} needs scores that cannot be computed: {job.error}")
    number = queue_once(services.database, project, "score", {"checkpoint": checkpoint, "needs": extra})
    needed = f"strategy {strategy} needs {', '.join(missing)} (job {number})"
    return NotReady(f"the model must score the pool first: {needed}", 2)
