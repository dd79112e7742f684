"""The scoring job: the live checkpoint scores items added since, or computes more arrays."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from nextlabel.contracts.data import GraphItems, Items, Need
from nextlabel.contracts.errors import Unprocessable
from nextlabel.contracts.interfaces import Model
from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.features.embedder import FeatureCard
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.retry import retry_while_busy
from nextlabel.engine.scheduling import queue_scoring
from nextlabel.engine.services import Services
from nextlabel.engine.training.cleanup import drop_old_scores, removed_on_failure
from nextlabel.engine.training.commit import Report, finish_job
from nextlabel.engine.training.pool_items import PoolItems
from nextlabel.engine.training.scoring import StoredArrays, score_and_prepare
from nextlabel.store import checkpoints
from nextlabel.store.atomic import new_folder
from nextlabel.store.checkpoints import CheckpointRow, ScoringRow
from nextlabel.store.jobs import JobRow
from nextlabel.store.projects import ProjectRow

_EMBEDDED = 0.5
"""Share of a job's progress once missing features are computed."""


@dataclass(frozen=True)
class _Plan:
    """The inputs of a scoring."""

    state: PoolState
    live: CheckpointRow | None
    """None before the first model: then only features are computed, and strategies prepared."""
    last: ScoringRow | None
    """The newest scoring of the live checkpoint, whose arrays are reused."""
    model: Model | None
    features: FeatureCard | None
    """The source of the items' features; None: the model takes the items themselves."""
    items: Items
    needs: frozenset[Need]
    """Arrays to compute beyond what the project's strategies need."""


def score(services: Services, job: JobRow, report: Report) -> None:
    """Run a claimed scoring job.

    It computes what the project's strategies need, and `parameters["needs"]` of the job; it prepares
    these strategies, and those in `parameters["prepare"]`.
    """
    project = job.project
    config = services.projects.get(project)
    plan = _prepare(services, services.row(project), job.parameters, lambda done: report(done * _EMBEDDED, {}))
    folder = services.home.scores(project, f"{plan.live.name if plan.live else 'features'}-{job.id}")
    with removed_on_failure(services, folder):
        with new_folder(folder) as partial:
            scored = score_and_prepare(
                services, config, plan.state, plan.model, plan.items, partial,
                plan.live.card["seed"] if plan.live else config.seed, lambda done: report(done * 0.95, {}),
                needs=plan.needs, required=job.parameters.get("prepare", ()), last=plan.last, features=plan.features,
            )  # fmt: skip
        retry_while_busy(lambda: _commit(services, job, config, plan, scored, folder), report)
    drop_old_scores(services, project)


def _prepare(
    services: Services, row: ProjectRow, parameters: Mapping[str, Any], report: Callable[[float], None]
) -> _Plan:
    """Return what to score. Raises Unprocessable if the project has neither a live checkpoint nor features."""
    with services.database.read() as connection:
        live = checkpoints.get(connection, row.name, row.live) if row.live else None
        last = checkpoints.scoring(connection, row.name, row.live)
    state = services.state(row)
    pool = PoolItems(services, state, report)
    features = live.card.get("features") if live else pool.features_of(services.projects.get(row.name))
    if live is None and features is None:
        raise Unprocessable(f"project {row.name!r} has no live checkpoint to score with")
    # arrays that were requested once are computed from then on, so that all have the same length
    requested: set[Need] = {*parameters.get("needs", ()), *(last.arrays if last else ())} & set(get_args(Need))
    items = pool.of(features)
    model = read_model(services.home.at(live.folder), services.registry)[0] if live else None
    if model is not None and not model.inductive and last is not None and not isinstance(items, GraphItems):
        items = items.take(np.arange(last.rows))  # a transductive model knows no other items
    return _Plan(state, live, last, model, features, items, frozenset(requested))


def _commit(
    services: Services, job: JobRow, config: ProjectConfig, plan: _Plan, scored: StoredArrays, folder: Path
) -> None:
    now, rows, live = time.time(), len(plan.items), plan.live
    with services.database.write() as connection:
        finish_job(connection, job, {"items": float(rows)}, now)
        path, last_label = services.home.name(folder), live.card["last_label"] if live else 0
        scoring = ScoringRow(
            config.name, live.name if live else None, rows, scored.arrays, path, now, last_label, scored.prepared
        )
        checkpoints.insert_scoring(connection, scoring)
        # items may have been added, or another checkpoint be live
        queue_scoring(connection, config.name, features=config.features is not None)
