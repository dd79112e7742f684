"""A scoring job: the live checkpoint says what it was not asked before, or of items it has not seen."""

from __future__ import annotations

import time
from pathlib import Path
from typing import get_args

import numpy as np

from nextlabel.contracts.data import GraphItems, Need
from nextlabel.contracts.errors import Unprocessable
from nextlabel.engine.checkpoints.serialization import read_model
from nextlabel.engine.labels.pool_state import PoolState
from nextlabel.engine.scheduling import queue_scoring
from nextlabel.engine.scores import kept_scores, project_needs, score_pool
from nextlabel.engine.services import Services
from nextlabel.engine.training.cleanup import drop_old_scores, removed_on_failure
from nextlabel.engine.training.commit import Report, patiently, succeed
from nextlabel.store import checkpoints
from nextlabel.store.atomic import new_folder
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.jobs import JobRow


def rescore(services: Services, job: JobRow, report: Report) -> None:
    """Run a claimed scoring job: `parameters["needs"]` beside what the project's strategies need."""
    config = services.projects.get(job.project)
    row = services.row(config.name)
    state = PoolState(row)
    with services.database.read() as connection:
        state.catch_up(connection)
        live = checkpoints.get(connection, config.name, row.live) if row.live else None
        last = checkpoints.scoring(connection, config.name, row.live) if row.live else None
    if live is None:
        raise Unprocessable(f"project {config.name!r} has no live checkpoint to score with")
    # what was asked for once is kept, so that the arrays stay of one length
    asked: set[Need] = {*job.parameters.get("needs", ()), *(last.arrays if last else ())} & set(get_args(Need))
    needs = project_needs(services.registry, config) | asked
    items = services.items(state)
    model = read_model(services.home.at(live.folder), services.registry)[0]
    if not model.inductive and last is not None and not isinstance(items, GraphItems):
        items = items.take(np.arange(last.rows))  # it knows no others
    # only rows are missing: the rest is copied
    reusable = last is not None and kept_scores(services.home, last) is not None and needs <= set(last.arrays)
    target = services.home.scores(config.name, f"{live.name}-{job.id}")
    with removed_on_failure(services, target):
        with new_folder(target) as partial:
            names = score_pool(
                model,
                items,
                needs,
                partial,
                live.card["seed"],
                lambda done: report(done * 0.95, {}),
                services.home.at(last.folder) if reusable and last else None,
            )
        patiently(lambda: _keep(services, job, live, len(items), names, target), report)
    drop_old_scores(services, config.name)


def _keep(
    services: Services, job: JobRow, live: CheckpointRow, rows: int, names: tuple[str, ...], folder: Path
) -> None:
    now = time.time()
    with services.database.write() as connection:
        succeed(connection, job, {"items": float(rows)}, now)
        checkpoints.insert_scoring(
            connection,
            project=live.project,
            checkpoint=live.name,
            rows=rows,
            arrays=names,
            folder=services.home.name(folder),
            created=now,
            last_label=live.card["last_label"],
        )
        queue_scoring(connection, live.project)  # more items came, or another checkpoint is live
