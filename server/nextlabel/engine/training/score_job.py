"""The scoring job: the live checkpoint scores items added since, or computes more arrays."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from nextlabel.contracts.data import GraphItems, Items, Need
from nextlabel.contracts.errors import Unprocessable
from nextlabel.contracts.interfaces import Model
from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.scheduling import queue_scoring
from nextlabel.engine.services import Services
from nextlabel.engine.training.cleanup import drop_old_scores, removed_on_failure
from nextlabel.engine.training.commit import Report, finish_job, retry_while_busy
from nextlabel.engine.training.scoring import StoredArrays, score_and_prepare
from nextlabel.store import checkpoints
from nextlabel.store.atomic import new_folder
from nextlabel.store.checkpoints import CheckpointRow, ScoringRow
from nextlabel.store.jobs import JobRow
from nextlabel.store.projects import ProjectRow


@dataclass(frozen=True)
class _Plan:
    """The inputs of a scoring."""

    state: PoolState
    live: CheckpointRow
    last: ScoringRow | None
    """The newest scoring of the live checkpoint, whose arrays are reused."""
    model: Model
    items: Items
    needs: frozenset[Need]
    """Arrays to compute beyond what the project's strategies need."""


def score(services: Services, job: JobRow, report: Report) -> None:
    """Run a claimed scoring job.

    It computes what the project's strategies need, and `parameters["needs"]` of the job; it prepares
    these strategies, and those in `parameters["prepare"]`.
    """
    project = job.project
    plan = _prepare(services, services.row(project), job.parameters)
    folder = services.home.scores(project, f"{plan.live.name}-{job.id}")
    with removed_on_failure(services, folder):
        with new_folder(folder) as partial:
            scored = score_and_prepare(
                services, services.projects.get(project), plan.state, plan.model, plan.items, partial,
                plan.live.card["seed"], lambda done: report(done * 0.95, {}),
                needs=plan.needs, required=job.parameters.get("prepare", ()), last=plan.last,
            )  # fmt: skip
        retry_while_busy(lambda: _commit(services, job, plan.live, len(plan.items), scored, folder), report)
    drop_old_scores(services, project)


def _prepare(services: Services, row: ProjectRow, parameters: Mapping[str, Any]) -> _Plan:
    """Return what to score. Raises Unprocessable if the project has no live checkpoint."""
    with services.database.read() as connection:
        live = checkpoints.get(connection, row.name, row.live) if row.live else None
        last = checkpoints.scoring(connection, row.name, row.live) if row.live else None
    if live is None:
        raise Unprocessable(f"project {row.name!r} has no live checkpoint to score with")
    # arrays that were requested once are computed from then on, so that all have the same length
    requested: set[Need] = {*parameters.get("needs", ()), *(last.arrays if last else ())} & set(get_args(Need))
    state = services.state(row)
    items = services.items(state)
    model = read_model(services.home.at(live.folder), services.registry)[0]
    if not model.inductive and last is not None and not isinstance(items, GraphItems):
        items = items.take(np.arange(last.rows))  # a transductive model knows no other items
    return _Plan(state, live, last, model, items, frozenset(requested))


def _commit(
    services: Services, job: JobRow, live: CheckpointRow, rows: int, scored: StoredArrays, folder: Path
) -> None:
    now = time.time()
    with services.database.write() as connection:
        finish_job(connection, job, {"items": float(rows)}, now)
        path, last_label = services.home.name(folder), live.card["last_label"]
        scoring = ScoringRow(live.project, live.name, rows, scored.arrays, path, now, last_label, scored.prepared)
        checkpoints.insert_scoring(connection, scoring)
        queue_scoring(connection, live.project)  # items may have been added, or another checkpoint be live
